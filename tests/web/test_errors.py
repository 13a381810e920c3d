"""Every failure has one rendering, and no rendering says what is private."""

import json

import pytest

from support.requirement import requirement
from tokenry.vocabulary import errors
from tokenry.vocabulary.identifiers import TraceId
from tokenry.web.body import Answer, BodyTooLarge
from tokenry.web.errors import HeadersTooLarge, MethodNotAllowed, NotFound, answer_failure

TRACE = TraceId("0af7651916cd43dd8448eb211c80319c")
PRIVATE = "the private reason"


def headers_of(answer: Answer) -> dict[bytes, bytes]:
    return dict(answer.headers)


@requirement("R-41", "RFC 6749 §5.2", "RFC 8707 §2", "RFC 7009 §2.2.1")
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.InvalidRequest, 400, "invalid_request"),
        (errors.InvalidClient, 401, "invalid_client"),
        (errors.InvalidGrant, 400, "invalid_grant"),
        (errors.UnauthorizedClient, 400, "unauthorized_client"),
        (errors.UnsupportedGrantType, 400, "unsupported_grant_type"),
        (errors.InvalidScope, 400, "invalid_scope"),
        (errors.InvalidTarget, 400, "invalid_target"),
        (errors.UnsupportedTokenType, 400, "unsupported_token_type"),
        (errors.InvalidToken, 401, "invalid_token"),
        (errors.InsufficientScope, 403, "insufficient_scope"),
        (BodyTooLarge, 413, "invalid_request"),
        (HeadersTooLarge, 431, "invalid_request"),
        (NotFound, 404, "not_found"),
    ],
)
def test_a_protocol_error_answers_its_code_and_status(error, status, code):
    answer = answer_failure(error(because=PRIVATE), trace=TRACE)
    assert answer.status == status
    body = json.loads(answer.body)
    assert body.keys() == {"error", "error_description"}
    assert body["error"] == code
    assert headers_of(answer)[b"cache-control"] == b"no-store"
    assert headers_of(answer)[b"pragma"] == b"no-cache"
    assert headers_of(answer)[b"content-type"] == b"application/json"
    assert PRIVATE.encode() not in answer.body


@requirement("RFC 6749 §5.2", "RFC 6750 §3", "RFC 9110 §11.6.1")
def test_a_401_names_the_scheme_of_its_endpoint():
    client = answer_failure(errors.InvalidClient(because=PRIVATE), trace=TRACE)
    assert headers_of(client)[b"www-authenticate"].startswith(b'Basic realm="')
    bearer = answer_failure(errors.InvalidToken(because=PRIVATE), trace=TRACE)
    assert headers_of(bearer)[b"www-authenticate"] == (
        b'Bearer realm="tokenry", error="invalid_token", error_description="The token is invalid."'
    )


@requirement("RFC 6750 §3.1")
def test_the_challenge_names_no_error_when_no_token_was_presented():
    answer = answer_failure(errors.InvalidToken(because=PRIVATE), trace=TRACE, presented=False)
    assert headers_of(answer)[b"www-authenticate"] == b'Bearer realm="tokenry"'


@requirement("RFC 9110 §15.5.6")
def test_a_405_lists_the_methods():
    answer = answer_failure(MethodNotAllowed(because="PUT", allow=b"GET, HEAD"), trace=TRACE)
    assert answer.status == 405
    assert headers_of(answer)[b"allow"] == b"GET, HEAD"


@requirement("G-8")
def test_overload_says_when_to_come_back():
    answer = answer_failure(errors.Overloaded("commit queue", retry_after=7), trace=TRACE)
    assert answer.status == 503
    assert headers_of(answer)[b"retry-after"] == b"7"


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (errors.StoreUnavailable(PRIVATE), 503),
        (errors.StoreFull(PRIVATE), 503),
        (errors.SignerUnavailable(PRIVATE), 503),
        (errors.InfrastructureFailure(PRIVATE), 503),
        (ZeroDivisionError(PRIVATE), 500),
        (LookupError(PRIVATE), 500),
    ],
)
def test_what_is_broken_is_rendered_blandly_with_the_trace_id(failure, status):
    answer = answer_failure(failure, trace=TRACE)
    assert answer.status == status
    assert json.loads(answer.body)["trace_id"] == TRACE
    assert PRIVATE.encode() not in answer.body
    assert (b"retry-after" in headers_of(answer)) == (status == 503)


@requirement("RFC 6749 §5.2")
def test_a_description_keeps_to_the_allowed_characters():
    failure = errors.InvalidRequest(because="", description='say "x\\y"\r\nSet-Cookie: é')
    answer = answer_failure(failure, trace=TRACE)
    assert json.loads(answer.body)["error_description"] == "say 'x'y'''Set-Cookie: '"
