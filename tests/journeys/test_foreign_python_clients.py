"""Clients that we did not write get tokens, and services that know only JWKS accept them."""

import jwt
import pytest
from jwskate import Jwk
from requests_oauth2client import (
    ClientSecretBasic,
    ClientSecretPost,
    InvalidClient,
    InvalidScope,
    OAuth2Client,
    PrivateKeyJwt,
)

from support.live import LiveAuthority
from support.requirement import requirement


@pytest.fixture
def discovered(live: LiveAuthority):
    """Build a requests_oauth2client client from our RFC 8414 metadata."""

    def build(auth) -> OAuth2Client:
        return OAuth2Client.from_discovery_endpoint(
            f"{live.issuer}/.well-known/oauth-authorization-server",
            issuer=live.issuer,
            auth=auth,
            testing=True,
        )

    return build


def auth_of(live: LiveAuthority, method: str):
    if method == "client_secret_basic":
        return ClientSecretBasic("shop", live.secrets["shop"])
    if method == "client_secret_post":
        return ClientSecretPost("kiosk", live.secrets["kiosk"])
    return PrivateKeyJwt("robot", Jwk(live.private_jwk()), alg="ES256", aud=live.issuer)


@requirement("R-01", "R-08", "RFC 8414", "RFC 6749 §4.4")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
def test_requests_oauth2client_gets_a_token_that_pyjwt_accepts(live, discovered, method):
    client = discovered(auth_of(live, method))
    token = client.client_credentials(scope="orders.read", resource=live.audience("orders"))
    metadata = live.send("GET", "/.well-known/oauth-authorization-server").json
    key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token.access_token)
    claims = jwt.decode(
        token.access_token,
        key.key,
        algorithms=["ES256"],
        audience=live.audience("orders"),
        issuer=live.issuer,
        options={"require": ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]},
    )
    assert claims["scope"] == "orders.read"
    assert {"rsn", "grant"} <= set(claims)
    assert jwt.get_unverified_header(token.access_token)["typ"] == "at+jwt"


@requirement("R-02")
def test_pyjwt_at_another_service_refuses_the_audience(live, discovered):
    token = discovered(auth_of(live, "client_secret_basic")).client_credentials(
        resource=live.audience("orders")
    )
    keys = jwt.PyJWKClient(f"{live.issuer}/jwks")
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(
            token.access_token,
            keys.get_signing_key_from_jwt(token.access_token).key,
            algorithms=["ES256"],
            audience=live.audience("payments"),
        )


@requirement("R-30", "RFC 7009")
def test_requests_oauth2client_revokes_what_it_holds_and_introspection_says_so(live, discovered):
    client = discovered(auth_of(live, "client_secret_basic"))
    token = client.client_credentials(resource=live.audience("orders"))
    assert live.introspect(token.access_token)["active"] is True
    assert client.revoke_access_token(token)
    assert live.introspect(token.access_token) == {"active": False}


@requirement("RFC 6749 §5.2")
def test_the_library_understands_our_errors(live, discovered):
    with pytest.raises(InvalidClient):
        discovered(ClientSecretBasic("shop", "wrong")).client_credentials(
            resource=live.audience("orders")
        )
    with pytest.raises(InvalidScope):
        discovered(auth_of(live, "client_secret_basic")).client_credentials(
            scope="payments.read", resource=live.audience("orders")
        )
