"""Prints the story: for a person with rich, or as one JSON document; then stays up if asked."""

import signal
import sys
import threading
from collections.abc import Iterator

import msgspec
from rich.console import Console

from tokenry.demo.processes import ProcessFailed
from tokenry.demo.stage import SERVICES, Stage
from tokenry.demo.story import Step, Story

OK = 0
NOT_AS_TOLD = 1


def run(*, once: bool, as_json: bool) -> int:
    """Run the story. Returns 0 only if every step went as told.

    `once` ends after the last step; otherwise the processes stay up until interrupted. `as_json`
    prints one document instead of the telling, and implies `once`.
    """
    console = Console(stderr=as_json, quiet=as_json, highlight=False)
    try:
        with Stage() as stage:
            console.print("[bold]Tokenry[/bold]: one authority, two services, three processes.\n")
            steps = list(_told(stage, console))
            if as_json:
                sys.stdout.write(document(steps).decode() + "\n")
            else:
                _summary(console, steps)
            if not (once or as_json):
                _stay(stage, console)
    except ProcessFailed as failure:
        Console(stderr=True).print(f"The demo could not go on: {failure}", markup=False)
        return NOT_AS_TOLD
    return OK if all(step.as_told for step in steps) else NOT_AS_TOLD


def document(steps: list[Step]) -> bytes:
    """Return the JSON document of a run: the worst refusal per service, and every step raw."""
    return msgspec.json.encode({"refused_after_ms": worst_per_service(steps), "steps": steps})


def worst_per_service(steps: list[Step]) -> dict[str, float | None]:
    """Return the slowest refusal at each service; None if one never refused or was not measured."""
    worst: dict[str, float | None] = {}
    for name in SERVICES:
        times = [
            each.refused_after_ms
            for step in steps
            for each in step.measured
            if each.service == name
        ]
        known = [time for time in times if time is not None]
        worst[name] = max(known) if known and len(known) == len(times) else None
    return worst


def _told(stage: Stage, console: Console) -> Iterator[Step]:
    story = Story(stage)
    try:
        for number, step in enumerate(story.steps(), 1):
            mark = "[green]as told[/green]" if step.as_told else "[red]NOT as told[/red]"
            console.print(f"[bold]{number}. {step.title}[/bold]")
            console.print(f"   told: {step.told}", markup=False)
            console.print(f"   seen: {step.happened}", markup=False)
            console.print(f"   {mark}\n")
            yield step
    finally:
        story.close()


def _summary(console: Console, steps: list[Step]) -> None:
    for name, worst in worst_per_service(steps).items():
        said = "did not refuse" if worst is None else f"{worst:.1f} ms at worst"
        console.print(f"Revoked tokens stopped working at [bold]{name}[/bold]: {said}")


def _stay(stage: Stage, console: Console) -> None:
    orders = stage.services["orders"]
    secret = stage.client_secrets["shop"]
    console.print(
        "\nEverything stays up until Ctrl+C. In another terminal:\n"
        f"\n  TOKEN=$(curl -s -u shop:{secret} {stage.issuer}/token"
        f" -d grant_type=client_credentials -d resource={orders.url}"
        ' | sed \'s/.*"access_token":"\\([^"]*\\)".*/\\1/\')'
        f'\n  curl -i -H "Authorization: Bearer $TOKEN" {orders.url}/'
        f"\n  .venv/bin/tokenry revoke --client shop --data {stage.data}"
        f'\n  curl -i -H "Authorization: Bearer $TOKEN" {orders.url}/'
        f"\n  .venv/bin/tokenry audit tail --data {stage.data}"
        f"\n  curl -s {stage.issuer}/.well-known/oauth-authorization-server\n",
        markup=False,
        soft_wrap=True,
    )
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.wait(1.0):
        stage.check_alive()
