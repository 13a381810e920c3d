"""The lock says what pyproject.toml says, and the base install stays the SDK."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
LOCKED = next(package for package in LOCK["package"] if package["name"] == "tokenry")["metadata"]


def declared(requirements: list[str]) -> set[tuple[str, str]]:
    """Split each requirement into its name and its versions, extras and markers left out."""
    found = (re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?([^;]*)", text) for text in requirements)
    return {(match[1].lower(), match[2].strip()) for match in found}


def locked(requirements: list[dict[str, str]], extra: str | None = None) -> set[tuple[str, str]]:
    marker = f"extra == '{extra}'" if extra else None
    return {
        (entry["name"], entry.get("specifier", ""))
        for entry in requirements
        if (marker in entry.get("marker", "") if marker else "extra ==" not in str(entry))
    }


def test_the_sdk_depends_on_cryptography_and_msgspec_alone():
    names = {name for name, _ in declared(DECLARED["project"]["dependencies"])}
    assert names == {"cryptography", "msgspec"}


def test_the_lock_holds_the_base_install_as_declared():
    assert locked(LOCKED["requires-dist"]) == declared(DECLARED["project"]["dependencies"])


@pytest.mark.parametrize("extra", DECLARED["project"]["optional-dependencies"])
def test_the_lock_holds_each_extra_as_declared(extra):
    requirements = DECLARED["project"]["optional-dependencies"][extra]
    assert locked(LOCKED["requires-dist"], extra) == declared(requirements)


@pytest.mark.parametrize("group", DECLARED["dependency-groups"])
def test_the_lock_holds_each_group_as_declared(group):
    requirements = DECLARED["dependency-groups"][group]
    assert locked(LOCKED["requires-dev"][group]) == declared(requirements)
