"""The page of the HTTP API has every endpoint, error, member and event, and no other."""

import re

import msgspec
import pytest

from documentation.pages import text_of
from tokenry.assembly import Authority
from tokenry.audit.entry import AuditEntry, AuditEvent
from tokenry.authority.evidence import ReadEntry
from tokenry.authority.revocation import RevocationReport
from tokenry.blueprint.loading import load_blueprint
from tokenry.blueprint.template import StartingPoint, starting_blueprint
from tokenry.protocol.access_token import AccessTokenClaims
from tokenry.protocol.introspection import ActiveToken
from tokenry.protocol.metadata import authorization_server_metadata
from tokenry.vocabulary.errors import ProtocolError, UnauthorizedClient, UnsupportedTokenType
from tokenry.vocabulary.identifiers import IssuerUrl
from tokenry.web.admin.documents import (
    ClientDocument,
    KeyDocument,
    PositionDocument,
    RecordDocument,
    ResourceServerDocument,
    SecretDocument,
)
from tokenry.web.admin.health import Probe

PAGE = text_of("reference/http-api.md")
ADMIN_PAGE = text_of("reference/admin-api.md")
NOT_RAISED = {UnauthorizedClient, UnsupportedTokenType}
"""Errors that no endpoint has a use for so far."""


@pytest.fixture
async def authority(tmp_path):
    start = StartingPoint(
        operator_token_sha256="0" * 64,
        resource_server_secret_sha256="1" * 64,
        client_secret_sha256="2" * 64,
    )
    loaded = load_blueprint(starting_blueprint(start).encode(), lambda name: b"")
    authority = await Authority.open(loaded, data=tmp_path / "data")
    yield authority
    await authority.close()


async def test_every_public_endpoint_has_its_heading(authority):
    served = {
        (method, path)
        for path, route in authority.public._routes.items()
        for method in route.methods - {"HEAD"}
    }
    assert set(re.findall(r"^#+ `([A-Z]+) (/\S*)`$", PAGE, re.MULTILINE)) == served


async def test_every_path_of_the_admin_listener_is_on_one_of_two_pages(authority):
    probes = {route.path for route in authority.admin.routes if isinstance(route.endpoint, Probe)}
    assert set(re.findall(r"^\| `(/\S+)` \|", PAGE, re.MULTILINE)) == probes
    acts = {f"/admin/v1{path}" for path in re.findall(r"^\| `(/\S+)` \|", ADMIN_PAGE, re.MULTILINE)}
    assert acts | probes == {route.path for route in authority.admin.routes}


def errors() -> set[type[ProtocolError]]:
    found, known = [ProtocolError], {ProtocolError}
    while found:
        for each in found.pop().__subclasses__():
            if each.__module__.startswith("tokenry."):
                found.append(each)
                known.add(each)
    return known - NOT_RAISED


def test_every_error_has_its_row():
    rows = re.findall(r"^\| (\d{3}) \| `([a-z_]+)` \|", PAGE, re.MULTILINE)
    ours = {(str(error.status), error.code) for error in errors()}
    assert set(rows) == ours | {("500", "server_error"), ("503", "temporarily_unavailable")}


@pytest.mark.parametrize(
    "document",
    [
        ClientDocument,
        SecretDocument,
        ResourceServerDocument,
        KeyDocument,
        RecordDocument,
        PositionDocument,
        RevocationReport,
        ReadEntry,
        AuditEntry,
    ],
)
def test_every_member_of_a_document_is_named(document):
    for field in msgspec.structs.fields(document):
        assert f"`{field.encode_name}`" in PAGE, field.encode_name


def test_every_claim_that_is_issued_is_explained():
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    explained = set(re.findall(r"`([a-z_]+)`", " ".join(rows)))
    required = {field.name for field in msgspec.structs.fields(AccessTokenClaims) if field.required}
    assert required <= explained
    for field in msgspec.structs.fields(ActiveToken):
        assert not field.required or f'"{field.encode_name}":' in PAGE


def test_every_audit_event_is_listed():
    for event in AuditEvent:
        assert f"`{event.value}`" in PAGE


def test_every_metadata_member_is_named_or_meant():
    for member in authorization_server_metadata(IssuerUrl("https://auth.example")):
        assert "auth_" in member or f"`{member}`" in PAGE
