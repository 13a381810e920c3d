"""What the page of divergences says of an authority's answers is so."""

import pytest

from documentation.pages import text_of
from support.live import write_live

PAGE = text_of("divergences.md")


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    authority = write_live(tmp_path_factory.mktemp("divergences"))
    with authority.processes:
        authority.start()
        yield authority


def ask(live, **form):
    return live.request_token(**form)


@pytest.mark.parametrize(
    ("said", "form", "status", "expected"),
    [
        ("No `scope` with a `resource` gives **all**", {}, 200, "orders.read orders.write"),
        (
            "Neither `scope` nor `resource`: `invalid_target`",
            {"resource": ""},
            400,
            "invalid_target",
        ),
        (
            "no trailing slash is forgiven",
            {"resource": "https://orders.example/"},
            400,
            "invalid_target",
        ),
        (
            "is refused, not trimmed",
            {"scope": "orders.read orders.delete"},
            400,
            "invalid_scope",
        ),
        ("Only `client_credentials`", {"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_the_token_endpoint_answers_as_the_page_says(live, said, form, status, expected):
    assert said in PAGE
    answer = ask(live, **form)
    assert answer.status == status
    assert expected == answer.json.get("scope" if status == 200 else "error")


def test_metadata_lists_no_scopes_and_no_response_types(live):
    assert "No `scopes_supported`" in PAGE
    metadata = live.send("GET", "/.well-known/oauth-authorization-server").json
    assert "scopes_supported" not in metadata
    assert metadata["response_types_supported"] == []
    assert live.send("GET", "/.well-known/openid-configuration").status == 404


def test_a_token_of_another_client_is_refused_at_revocation_and_an_unknown_one_is_not(live):
    assert "A token of another client: 400 `invalid_grant`" in PAGE
    token = live.token("shop")
    kiosk = {"client_id": "kiosk", "client_secret": live.secrets["kiosk"]}
    answer = live.send("POST", "/revoke", form={"token": token, **kiosk})
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
    assert live.send("POST", "/revoke", form={"token": "nothing", **kiosk}).status == 200


def test_a_token_for_another_audience_is_inactive(live):
    assert "A token for another audience is inactive" in PAGE
    assert live.introspect(live.token(), service="payments") == {"active": False}
