import json
import re

import pytest

from support.requirement import requirement
from tokenry.resource.challenges import Challenges, is_scope
from tokenry.resource.protected_resource import metadata_document, metadata_path, metadata_url
from tokenry.resource.refusal import ANSWERS, Reason, TokenRefused

METADATA = "https://orders.example/.well-known/oauth-protected-resource"
CHALLENGES = Challenges(resource_metadata=METADATA, realm="orders")

# RFC 9110 §11.2, as far as challenges of ours go.
CHALLENGE = re.compile(r'Bearer [a-z_]+="[^"\\]*"(?:, [a-z_]+="[^"\\]*")*')


@requirement("RFC 6750 §3.1", "RFC 9728 §5.1")
def test_without_a_token_there_is_no_error_but_a_way_to_get_one():
    challenge = CHALLENGES.challenge(Reason.NO_TOKEN, scopes={"orders.read", "a"})
    assert challenge == (
        f'Bearer scope="a orders.read", realm="orders", resource_metadata="{METADATA}"'
    )


@requirement("R-41", "RFC 6750 §3")
@pytest.mark.parametrize("reason", [reason for reason in Reason if ANSWERS[reason].status < 500])
def test_every_challenge_is_well_formed_and_names_its_error(reason):
    challenge = CHALLENGES.challenge(reason, scopes={"x"})
    assert challenge is not None
    assert CHALLENGE.fullmatch(challenge)
    code = ANSWERS[reason].code
    assert ("error=" in challenge) is (code is not None)
    assert code is None or f'error="{code}"' in challenge
    assert ('scope="x"' in challenge) is (reason in {Reason.NO_TOKEN, Reason.SCOPE})


@requirement("R-41")
def test_revoked_inactive_and_forged_look_the_same():
    answers = {
        CHALLENGES.challenge(reason)
        for reason in (Reason.REVOKED, Reason.INACTIVE, Reason.SIGNATURE, Reason.ISSUER)
    }
    assert len(answers) == 1


@requirement("R-43")
@pytest.mark.parametrize("reason", [Reason.STALE, Reason.UNSYNCHRONIZED, Reason.OVERLOADED])
def test_what_another_token_would_not_mend_has_no_challenge_but_retry_after(reason):
    refused = TokenRefused(reason, because="private", challenge=CHALLENGES.challenge(reason))
    assert (refused.status, refused.code) == (503, "temporarily_unavailable")
    assert dict(refused.headers())["retry-after"] == "1"
    assert "www-authenticate" not in dict(refused.headers())


@requirement("R-41")
@pytest.mark.parametrize("reason", list(Reason))
def test_what_is_private_is_never_said(reason):
    refused = TokenRefused(reason, because="s3cret", challenge=CHALLENGES.challenge(reason))
    assert "s3cret" not in repr(refused.headers()) + refused.body().decode()
    assert json.loads(refused.body())["error_description"] == refused.description


@requirement("RFC 9470 §3")
def test_other_specifications_add_parameters():
    challenge = CHALLENGES.challenge(Reason.SCOPE, more=[("max_age", "60")])
    assert challenge is not None
    assert 'max_age="60"' in challenge


@pytest.mark.parametrize("realm", ['a"b', "a\\b", "é", "a\r\nb"])
def test_settings_that_could_break_out_of_the_header_are_refused(realm):
    with pytest.raises(ValueError, match="realm"):
        Challenges(resource_metadata=None, realm=realm)


def test_without_any_setting_the_scheme_stands_alone():
    assert Challenges(resource_metadata=None).challenge(Reason.NO_TOKEN) == "Bearer"


@pytest.mark.parametrize(
    ("name", "valid"), [("orders.read", True), ("", False), ("a b", False), ('"', False)]
)
def test_scopes_are_scope_tokens(name, valid):
    assert is_scope(name) is valid


@requirement("RFC 9728 §3.1")
@pytest.mark.parametrize(
    ("audience", "url"),
    [
        ("https://orders.example", METADATA),
        ("https://orders.example/", METADATA),
        (
            "https://api.example/orders",
            "https://api.example/.well-known/oauth-protected-resource/orders",
        ),
        ("https://api.example/o/", "https://api.example/.well-known/oauth-protected-resource/o/"),
        ("urn:orders", None),
    ],
)
def test_well_known_stands_between_host_and_path(audience, url):
    assert metadata_url(audience) == url
    path = metadata_path(audience)
    assert (path is None) is (url is None)
    assert url is None or url.endswith(path)


@requirement("RFC 9728 §3.3", "R-08")
def test_the_document_names_the_resource_byte_for_byte():
    document = json.loads(
        metadata_document(
            audience="https://orders.example/", issuer="https://auth.example", scopes={"b", "a"}
        )
    )
    assert document == {
        "resource": "https://orders.example/",
        "authorization_servers": ["https://auth.example"],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["a", "b"],
    }
