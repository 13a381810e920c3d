"""`make bench`, or `make bench BENCH=P-1`: JSON lines as they come, and a table at the end."""

import importlib
import sys

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import Measurement

BENCHMARKS = {
    "P-1": "issuing",
    "P-2": "verifying_new",
    "P-3": "verifying_seen",
    "P-5": "introspecting",
    "P-6": "propagating",
    "P-7": "remembering",
    "P-8": "starting",
    "P-10": "serving",
}


def main(chosen: list[str]) -> int:
    """Run the chosen benchmarks (all by default); the exit status says only whether they ran."""
    unknown = set(chosen) - set(BENCHMARKS)
    if unknown:
        sys.stderr.write(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}\n")
        return 2
    taken: list[Measurement] = []
    for name in chosen or BENCHMARKS:
        for measurement in importlib.import_module(f"benchmarks.{BENCHMARKS[name]}").measure():
            sys.stdout.write(msgspec.json.encode(measurement).decode() + "\n")
            sys.stdout.flush()
            taken.append(measurement)
    _print(taken)
    return 0


def _print(taken: list[Measurement]) -> None:
    table = Table("id", "what", "ours", "peer", "ratio", "budget", "within")
    for each in taken:
        peer = "" if each.peer is None else f"{each.peer:g} {each.unit} ({each.peer_name})"
        table.add_row(
            each.id,
            each.what,
            f"{each.ours:g} {each.unit}",
            peer,
            "" if each.ratio is None else f"{each.ratio:g}",
            each.budget,
            "yes" if each.within else "NO",
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
