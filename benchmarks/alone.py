"""Work measured in a process of its own: pinned to one core, its memory gone afterwards."""

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from benchmarks.measuring import SERVER_CORE

Result = TypeVar("Result")


def alone(task: Callable[..., Result], *arguments: object) -> Result:
    """Run a module's function in a fresh interpreter, pinned to the server core."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh, initializer=_pin) as process:
        return process.submit(task, *arguments).result()


def _pin() -> None:
    os.sched_setaffinity(0, {SERVER_CORE})


class Stopwatch:
    """Sums up the CPU time of this thread, in microseconds, over every time it is entered.

    The garbage collector runs when it will, as in a service: what calls leave behind is their cost.
    """

    def __init__(self) -> None:
        self.us = 0.0

    def __enter__(self) -> "Stopwatch":
        self._began = time.thread_time_ns()
        return self

    def __exit__(self, *_: object) -> None:
        self.us += (time.thread_time_ns() - self._began) / 1000
