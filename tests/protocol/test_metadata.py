"""Metadata says what is true, at the address where clients look."""

import json

import pytest

from support.requirement import requirement
from support.taking_part import ISSUER
from tokenry.protocol.metadata import encode_metadata, issuer_path, well_known_path


@requirement("RFC 8414 §3.1")
@pytest.mark.parametrize(
    ("issuer", "path", "well_known"),
    [
        ("https://a.example", "", "/.well-known/oauth-authorization-server"),
        ("https://a.example/", "", "/.well-known/oauth-authorization-server"),
        ("https://a.example/t1", "/t1", "/.well-known/oauth-authorization-server/t1"),
        ("https://a.example/t1/x", "/t1/x", "/.well-known/oauth-authorization-server/t1/x"),
        ("https://a.example/t1/", "/t1", "/.well-known/oauth-authorization-server/t1"),
    ],
)
def test_the_well_known_segment_goes_before_the_path(issuer, path, well_known):
    assert issuer_path(issuer) == path
    assert well_known_path(issuer) == well_known


@requirement("R-08", "RFC 8414 §2")
def test_the_metadata_names_what_there_is_and_nothing_else():
    document = json.loads(encode_metadata(ISSUER))
    assert document["issuer"] == ISSUER
    assert document["response_types_supported"] == []
    assert document["grant_types_supported"] == ["client_credentials"]
    assert document["introspection_endpoint_auth_methods_supported"] == ["client_secret_basic"]
    algorithms = document["token_endpoint_auth_signing_alg_values_supported"]
    assert "ES256" in algorithms
    # RFC 8414 §2: "none" must not be used.
    assert "none" not in algorithms
    assert "authorization_endpoint" not in document
    assert "scopes_supported" not in document
    addresses = {name: value for name, value in document.items() if name.endswith(("uri", "point"))}
    assert all(address.startswith(ISSUER + "/") for address in addresses.values())
    assert document["jwks_uri"] != document["tokenry_feed_jwks_uri"]
