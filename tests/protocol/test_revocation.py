"""A record lives as long as the last token that it can match, and a repeat counts where it must."""

import pytest

from support.requirement import requirement
from support.taking_part import ISSUER, ceiling, client, directory_index, resource_server
from tokenry.protocol.access_token import AccessTokenClaims
from tokenry.protocol.revocation import (
    CLOCK_MARGIN,
    SHORTEST_FLOOR,
    require_ownership,
    revocation_of,
    revocation_of_token,
)
from tokenry.vocabulary.errors import InvalidGrant, InvalidRequest
from tokenry.vocabulary.selectors import SelectorKind, selector

NOW = 1_000_000
DIRECTORY = directory_index(resource_server(lifetime=300, leeway=5))


def revoked(kind, id_, directory=DIRECTORY, now=NOW):
    return revocation_of(kind, id_, issuer=ISSUER, directory=directory, now=now)


def claims(**changes):
    members = {
        "iss": ISSUER,
        "sub": "shop",
        "aud": "https://orders.example",
        "client_id": "shop",
        "scope": "orders.read",
        "iat": 1000,
        "exp": 1300,
        "jti": "a-jti",
        "grant": "a-grant",
        "rsn": 1 << 40,
    }
    return AccessTokenClaims(**(members | changes))


@requirement("G-1")
@pytest.mark.parametrize("past_milliseconds", [0, 1, 999])
def test_a_record_outlives_a_token_issued_at_that_moment(past_milliseconds):
    now = NOW + past_milliseconds
    latest_exp = now // 1000 + 300
    assert revoked(SelectorKind.CLIENT, "shop", now=now).expires > latest_exp + 5


@requirement("G-1", "R-04")
def test_a_lowered_lifetime_still_counts_while_old_tokens_live():
    lowered = directory_index(
        resource_server(lifetime=60), ceilings=[ceiling(lifetime=900, until=NOW + 1)]
    )
    assert revoked(SelectorKind.SUBJECT, "x", lowered).expires > NOW // 1000 + 900
    assert revoked(SelectorKind.SUBJECT, "x", lowered, NOW + 1).expires < NOW // 1000 + 900


@requirement("G-1")
def test_floors_outlive_both_the_record_and_every_cached_view():
    short = directory_index(resource_server(lifetime=1, leeway=0))
    assert revoked(SelectorKind.CLIENT, "shop", short).floor_until == NOW + SHORTEST_FLOOR * 1000
    usual = revoked(SelectorKind.CLIENT, "shop")
    assert usual.floor_until == usual.expires * 1000


@requirement("R-30")
@pytest.mark.parametrize("kind", [kind for kind in SelectorKind if kind is not SelectorKind.KEY])
def test_every_kind_is_revoked_by_its_own_selector(kind):
    id_ = ISSUER if kind is SelectorKind.ISSUER else "an-id"
    revocation = revoked(kind, id_)
    assert revocation.selector == selector(ISSUER, kind, id_)
    repeatable = kind not in {SelectorKind.JTI, SelectorKind.GRANT}
    assert revocation.repeatable is repeatable


@pytest.mark.parametrize(
    ("kind", "id_"),
    [
        (SelectorKind.CLIENT, ""),
        (SelectorKind.CLIENT, "a\0b"),
        (SelectorKind.CLIENT, "a\nb"),
        (SelectorKind.CLIENT, "x" * 513),
        (SelectorKind.SUBJECT, "é" * 257),
        (SelectorKind.ISSUER, ISSUER + "/"),
        (SelectorKind.ISSUER, "https://other.example"),
        (SelectorKind.KEY, "a-thumbprint"),
    ],
)
def test_an_id_that_no_token_can_carry_is_refused(kind, id_):
    with pytest.raises(InvalidRequest):
        revoked(kind, id_)


@requirement("RFC 7009 §2.1", "G-1")
def test_a_presented_token_is_revoked_by_its_jti_until_it_has_expired_everywhere():
    revocation = revocation_of_token(claims(), directory=DIRECTORY, now=NOW)
    assert revocation.selector == selector(ISSUER, SelectorKind.JTI, "a-jti")
    assert revocation.expires == 1300 + 5 + CLOCK_MARGIN
    assert not revocation.repeatable


@pytest.mark.parametrize(("now", "needed"), [(1_306_999, True), (1_307_000, False)])
def test_there_is_nothing_to_revoke_once_it_has(now, needed):
    assert (revocation_of_token(claims(), directory=DIRECTORY, now=now) is not None) is needed


@requirement("RFC 7009 §2.1")
def test_a_token_is_its_clients_to_revoke():
    require_ownership(claims(), client("shop"))
    with pytest.raises(InvalidGrant):
        require_ownership(claims(client_id="another"), client("shop"))
