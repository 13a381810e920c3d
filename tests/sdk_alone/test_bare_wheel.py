"""The base install is the SDK, and needs cryptography and msgspec alone."""

import json

import pytest

PACKAGES = ("vocabulary", "jose", "blueprint", "feed", "protocol", "ports", "resource")
"""What the SDK is made of."""

NEEDS_MORE = {"tokenry.resource.httpx_fetcher": "httpx2"}
"""The modules of these packages that their user brings a package for, and its name."""

IMPORT_ALL = """
import importlib, json, pkgutil

def names(package):
    yield package
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, package + "."):
        yield found.name

missing = {}
imported = []
for name in names(PACKAGE):
    try:
        importlib.import_module(name)
        imported.append(name)
    except ModuleNotFoundError as error:
        missing[name] = error.name.partition(".")[0]
print(json.dumps([imported, missing]))
"""


def test_nothing_is_installed_but_the_two_dependencies_and_theirs(bare_install):
    source = "from importlib.metadata import distributions as d; print(*(x.name for x in d()))"
    installed = set(bare_install.python(source).split())
    assert installed <= {"tokenry", "cryptography", "msgspec", "cffi", "pycparser"}
    assert installed >= {"tokenry", "cryptography", "msgspec"}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_of_the_sdk_can_be_imported(bare_install, package):
    name = f"tokenry.{package}"
    imported, missing = json.loads(bare_install.python(f"PACKAGE = {name!r}\n{IMPORT_ALL}"))
    assert name in imported
    assert missing == {
        module: needed for module, needed in NEEDS_MORE.items() if module.startswith(f"{name}.")
    }


def test_the_bare_wheel_brings_its_typing_and_its_licence(bare_install):
    source = """
from importlib.metadata import distribution
found = distribution("tokenry")
print(sorted(file.name for file in found.files if file.name in {"py.typed", "LICENSE"}))
print(sorted(name.split(">")[0] for name in found.requires if "extra" not in name))
"""
    assert bare_install.python(source).splitlines() == [
        "['LICENSE', 'py.typed']",
        "['cryptography', 'msgspec']",
    ]


@pytest.mark.parametrize("arguments", [(), ("serve",), ("--help",)])
def test_the_command_says_which_extra_to_install(bare_install, arguments):
    run = bare_install.run("tokenry", *arguments)
    assert run.returncode == 2
    assert run.stdout == ""
    assert 'pip install "tokenry[server]"' in run.stderr
    assert "Traceback" not in run.stderr


def test_a_fault_of_ours_is_not_taken_for_a_missing_extra(bare_install):
    source = """
import sys
from tokenry import entry
sys.modules["tokenry.cli"] = None
try:
    entry.main()
except ModuleNotFoundError as fault:
    print(fault.name)
"""
    assert bare_install.python(source) == "tokenry.cli\n"
