"""Benchmarks can be found and started; what they measure is never asserted here."""

import importlib
from inspect import isgeneratorfunction
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks.measuring import Measurement
from support.requirement import requirement

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "benchmarks.md"


@pytest.mark.parametrize(("name", "module"), bench.BENCHMARKS.items())
@requirement("P-1", "P-2", "P-3", "P-5", "P-6", "P-7", "P-8", "P-10")
def test_every_benchmark_can_be_started_and_is_described(name, module):
    assert isgeneratorfunction(importlib.import_module(f"benchmarks.{module}").measure)
    assert f"\n## {name}: " in PAGE.read_text(encoding="utf-8")


def test_an_unknown_benchmark_is_refused_by_name_before_anything_runs(monkeypatch, capsys):
    monkeypatch.setattr(bench, "BENCHMARKS", {"P-1": "no_such_module"})
    assert bench.main(["P-1", "P-99"]) == 2
    printed = capsys.readouterr()
    assert "P-99" in printed.err
    assert printed.out == ""


def test_measurements_are_printed_as_json_lines_as_they_come_and_as_a_table(monkeypatch, capsys):
    measurement = Measurement(
        id="P-0", what="nothing", unit="µs", ours=1.5, budget="≤ 1", within=False
    )

    class Module:
        @staticmethod
        def measure():
            yield measurement

    monkeypatch.setattr(bench, "BENCHMARKS", {"P-0": "any"})
    monkeypatch.setattr(bench.importlib, "import_module", lambda _name: Module)
    assert bench.main([]) == 0
    line, table = capsys.readouterr().out.split("\n", 1)
    assert (
        line == '{"id":"P-0","what":"nothing","unit":"µs","ours":1.5,"peer":null,"peer_name":"",'
        '"ratio":null,"budget":"≤ 1","within":false}'
    )
    assert "P-0" in table
    assert "NO" in table
