"""The shape of the house: names, sizes, docstrings, layers, purity."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "tokenry"
PURE_FLOORS = (
    *("vocabulary", "jose", "blueprint", "feed", "protocol"),
    *("identity", "policy", "risk", "audit"),
)
NAMES_WITHOUT_AN_IDEA = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
MOST_LINES = 400

MODULES = sorted(PACKAGE.rglob("*.py"))
OWN_FILES = MODULES + [
    path
    for folder in ("tests", "scripts", "benchmarks", "examples")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".mjs", ".js"} and not {"node_modules", ".peers"} & set(path.parts)
]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


def from_root(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tool(name: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name(name)
    return subprocess.run(
        [program, *arguments], cwd=ROOT, input=stdin, capture_output=True, text=True
    )


def test_every_module_imports_from_lower_floors_only():
    run = tool("lint-imports", "--no-cache")
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_file_is_named_for_its_idea():
    nameless = [
        from_root(path)
        for path in OWN_FILES
        if {path.stem.removeprefix("test_"), *path.relative_to(ROOT).parts[:-1]}
        & NAMES_WITHOUT_AN_IDEA
    ]
    assert nameless == []


def test_no_file_is_longer_than_one_idea():
    lengths = {
        from_root(path): len(path.read_text(encoding="utf-8").splitlines()) for path in OWN_FILES
    }
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_every_module_says_what_it_is_for():
    silent = [from_root(path) for path, tree in TREES.items() if not ast.get_docstring(tree)]
    assert silent == []


def test_every_folder_is_a_package_with_a_docstring():
    folders = {path.parent for path in MODULES}
    assert [from_root(path) for path in folders if not (path / "__init__.py").exists()] == []


def test_pure_modules_hold_no_mutable_state():
    """Containers at module level are Final, so that mypy keeps them from being replaced."""
    found = [
        f"{from_root(path)}:{line}"
        for path, tree in TREES.items()
        if path.relative_to(PACKAGE).parts[0] in PURE_FLOORS
        for line in mutable_state(tree)
    ]
    assert found == []


def mutable_state(tree: ast.Module) -> list[int]:
    """Return the lines that declare state which the module's own functions could change."""
    lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Global)]
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and is_mutable(statement.value):
            if [ast.unparse(target) for target in statement.targets] != ["__all__"]:
                lines.append(statement.lineno)
        elif (
            isinstance(statement, ast.AnnAssign)
            and is_mutable(statement.value)
            and "Final" not in ast.unparse(statement.annotation)
        ):
            lines.append(statement.lineno)
    return lines


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("SEEN = {}", [1]),
        ("SEEN: dict[str, int] = {}", [1]),
        ("\nSEEN = set()", [2]),
        ("def f():\n    global seen", [2]),
        ("NAMES: Final[Mapping[str, int]] = {}", []),
        ("NAMES = frozenset({1})", []),
        ("__all__ = ['f']", []),
        ("def f():\n    seen = {}", []),
    ],
)
def test_mutable_state_is_found(source, lines):
    assert mutable_state(ast.parse(source)) == lines


def is_mutable(value: ast.expr | None) -> bool:
    """Say whether an expression makes a container that later code could change."""
    displays = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in {"list", "dict", "set"}
    return isinstance(value, displays)


@pytest.mark.parametrize("floor", ["protocol/leak.py", "vocabulary/leak.py", "audit/deep/leak.py"])
def test_a_pure_floor_may_not_ask_what_time_it_is(floor):
    assert "TID251" in ruff_on(f"src/tokenry/{floor}")


def test_the_floors_above_may():
    assert "TID251" not in ruff_on("src/tokenry/stores/memory.py")


def ruff_on(path: str) -> str:
    """Lint a module that reads the clock, as if it stood at `path`."""
    source = '"""A leak."""\n\nfrom datetime import UTC, datetime\n\nNOW = datetime.now(UTC)\n'
    return tool("ruff", "check", "--no-cache", "--stdin-filename", path, "-", stdin=source).stdout


def test_changelog_fragments_are_named_by_their_kind():
    names = {path.name for path in (ROOT / "changelog.d").iterdir()} - {"README.md"}
    kinds = "security|removed|changed|added|fixed"
    assert [name for name in names if not re.fullmatch(rf"[a-z0-9-]+\.({kinds})\.md", name)] == []
