import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.requirement import requirement
from tokenry.resource.presented import presented_token, require_plausible
from tokenry.resource.refusal import Reason, Refusal
from tokenry.vocabulary.bounds import MAX_TOKEN_BYTES

TOKEN = b"aaaa.bbbb.cccc"


@requirement("RFC 6750 §2.1", "RFC 9110 §11.1")
@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer " + TOKEN)],
        [(b"Authorization", b"bearer " + TOKEN)],
        [("AUTHORIZATION", "BEARER  aaaa.bbbb.cccc")],
        [(b"if-none-match", b"x"), (b"host", b"h"), (b"authorization", b"Bearer " + TOKEN)],
    ],
)
def test_the_one_bearer_token_is_found_whatever_the_case(headers):
    assert presented_token(headers) == TOKEN


@requirement("G-7", "RFC 6750 §3.1")
@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], Reason.NO_TOKEN),
        ([(b"x-authorization", b"Bearer " + TOKEN)], Reason.NO_TOKEN),
        ([(b"authorization", b"Basic dXNlcjpwdw==")], Reason.NO_TOKEN),
        ([(b"authorization", b"DPoP " + TOKEN)], Reason.NO_TOKEN),
        ([(b"authorization", b"Bearer\t" + TOKEN)], Reason.NO_TOKEN),
        ([(b"authorization", b"")], Reason.NO_TOKEN),
        ([(b"authorization", b"Bearer")], Reason.MALFORMED_HEADER),
        ([(b"authorization", b"Bearer   ")], Reason.MALFORMED_HEADER),
        ([("authorization", "Bearer ž")], Reason.MALFORMED_HEADER),
        (
            [(b"authorization", b"Bearer a"), (b"Authorization", b"Bearer a")],
            Reason.REPEATED_HEADER,
        ),
        ([(b"authorization", b""), (b"authorization", b"Bearer a")], Reason.REPEATED_HEADER),
        ([("authorization", "Basic a"), ("authorization", "Bearer a")], Reason.REPEATED_HEADER),
    ],
)
def test_anything_else_is_refused(headers, reason):
    with pytest.raises(Refusal) as refused:
        presented_token(headers)
    assert refused.value.reason is reason


NAMES = st.sampled_from([b"authorization", b"Authorization", b"cache-control", b"host", b""])


@given(st.lists(st.tuples(NAMES | st.binary(max_size=20), st.binary(max_size=60)), max_size=6))
def test_any_headers_give_one_token_or_a_refusal(headers):
    named = [value for name, value in headers if name.lower() == b"authorization"]
    try:
        token = presented_token(headers)
    except Refusal:
        return
    assert len(named) == 1
    assert token
    assert named[0].lower().startswith(b"bearer ")
    assert named[0].endswith(token)


@requirement("G-8")
@pytest.mark.parametrize(
    ("token", "reason"),
    [(b"a b", Reason.MALFORMED_HEADER), (b"x" * (MAX_TOKEN_BYTES + 1), Reason.MALFORMED)],
)
def test_what_cannot_be_a_token_is_refused_before_anything_is_done_with_it(token, reason):
    with pytest.raises(Refusal) as refused:
        require_plausible(token)
    assert refused.value.reason is reason
    require_plausible(b"x" * MAX_TOKEN_BYTES)
