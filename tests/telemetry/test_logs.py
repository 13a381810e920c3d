"""Log lines: one form for all, and no token in any of them."""

import io
import json
import logging

import pytest
import structlog

from support.requirement import requirement
from tokenry.ports.events import Noted
from tokenry.telemetry import LogFormat, Metrics, Telemetry, configure_logs
from tokenry.telemetry.logs import REDACTED

JWS = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2EifQ.c2lnbmF0dXJl"
SECRET = "tks_" + "A" * 43


@pytest.fixture
def lines():
    stream = io.StringIO()
    root, own = logging.getLogger(), logging.getLogger("tokenry")
    before = (root.handlers, root.level, own.level)
    configure_logs(LogFormat.JSON, stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers, level, own_level = before
    root.setLevel(level)
    own.setLevel(own_level)


def test_a_note_is_one_line_of_json_with_its_facts(lines):
    Telemetry(Metrics()).note(Noted.WARNING, "the clock is off", offset_ms=1500, trace="ab" * 16)
    (line,) = lines()
    assert line["event"] == "the clock is off"
    assert line["level"] == "warning"
    assert line["offset_ms"] == 1500
    assert line["trace"] == "ab" * 16
    assert line["timestamp"].endswith("Z")


def test_a_line_of_a_library_looks_the_same(lines):
    logging.getLogger("uvicorn.error").error("failed with %s", "reason", extra={"port": 8400})
    (line,) = lines()
    assert (line["event"], line["logger"], line["port"]) == (
        "failed with reason",
        "uvicorn.error",
        8400,
    )


def test_the_error_behind_a_note_comes_with_its_traceback(lines):
    try:
        int("expected this")
    except ValueError as error:
        Telemetry(Metrics()).note(Noted.ERROR, "it failed", error=error)
    (line,) = lines()
    assert "expected this" in line["exception"]
    assert "Traceback" in line["exception"]


@requirement("R-60", "G-6")
@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"got {JWS}", JWS),
        (f"cut {JWS[:30]}", JWS[:30]),
        (f"got {SECRET}.", SECRET),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("authorization: basic c2VjcmV0OnNlY3JldA==", "c2VjcmV0OnNlY3JldA=="),
        ("grant_type=x&client_secret=hunter2&scope=a", "hunter2"),
        ("POST /revoke token=opaque-thing", "opaque-thing"),
    ],
)
def test_no_token_or_secret_is_ever_written(lines, text, secret):
    telemetry = Telemetry(Metrics())
    telemetry.note(Noted.ERROR, text)
    telemetry.note(Noted.ERROR, "a fact", value=text)
    telemetry.note(Noted.ERROR, "an error", error=ValueError(text))
    logging.getLogger("library").error("nested", extra={"request": {"headers": [text]}})
    logging.getLogger("library").error("arguments %s", text)
    for line in lines():
        assert secret not in json.dumps(line)
        assert REDACTED in json.dumps(line)
    assert len(lines()) == 5


def test_text_for_a_terminal_is_readable_and_redacted_too(lines):
    stream = io.StringIO()
    configure_logs(LogFormat.CONSOLE, stream=stream)
    Telemetry(Metrics()).note(Noted.INFO, f"ready {SECRET}", port=8400)
    assert "ready [redacted]" in stream.getvalue()
    assert "port=8400" in stream.getvalue()
