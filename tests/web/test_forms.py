"""Forms have one reading: theirs, or none."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.requirement import requirement
from tokenry.vocabulary.bounds import MAX_PARAMETERS
from tokenry.vocabulary.errors import InvalidRequest
from tokenry.web.forms import parse_form, require_form_type

PRINTABLE = st.text(st.characters(codec="utf-8").filter(str.isprintable), max_size=12)


@pytest.mark.parametrize(
    ("body", "fields", "resources"),
    [
        (b"", {}, ()),
        (b"a=b", {"a": "b"}, ()),
        (b"a=b&c=d", {"a": "b", "c": "d"}, ()),
        (b"&&a=b&", {"a": "b"}, ()),
        (b"a=b=c", {"a": "b=c"}, ()),
        (b"a=%41+%2b+%C3%a9", {"a": "A + é"}, ()),
        (b"%61=b", {"a": "b"}, ()),
        (b"scope=a b", {"scope": "a b"}, ()),
        (b"resource=x&resource=y", {}, ("x", "y")),
        (b"resource=%78&a=b&resource=x", {"a": "b"}, ("x", "x")),
    ],
)
def test_a_form_is_read(body, fields, resources):
    assert parse_form(body) == (fields, resources)


@requirement("RFC 6749 §3.2")
@pytest.mark.parametrize("body", [b"a=", b"a", b"=", b"=x&a=", b"resource=", b"resource"])
def test_a_parameter_without_a_value_counts_as_left_out(body):
    form = parse_form(body)
    assert "a" not in form.fields
    assert form.resources == ()


@requirement("RFC 6749 §3.2", "G-7")
@pytest.mark.parametrize(
    "body", [b"a=1&a=2", b"a=1&a=1", b"a=&a=1", b"a=1&a", b"a=1&%61=2", b"unknown=1&unknown=2"]
)
def test_a_repeated_parameter_is_refused(body):
    with pytest.raises(InvalidRequest):
        parse_form(body)


@requirement("G-7")
@pytest.mark.parametrize(
    "body",
    [
        b"a=%",
        b"a=%4",
        b"a=%4g",
        b"a=%%41",
        b"a=% 41",
        b"a=%+1",
        b"%=b",
        b"a=%ff",
        b"a=%c3",
        b"a=%ed%a0%80",
        b"a=%c0%af",
        b"a=%00",
        b"a=b%0d%0aSet-Cookie",
        b"a=\0",
        b"a=b\r\n",
        b"a=b\n",
        b"a=\xc3\xa9",
        b"\xff",
        b"a\x7f=b",
    ],
)
def test_what_is_not_well_formed_is_refused(body):
    with pytest.raises(InvalidRequest):
        parse_form(body)


@requirement("G-8")
def test_there_is_a_bound_on_the_number_of_parameters():
    names = [f"p{n}=1" for n in range(MAX_PARAMETERS)]
    assert len(parse_form("&".join(names).encode()).fields) == MAX_PARAMETERS
    with pytest.raises(InvalidRequest):
        parse_form("&".join([*names, "one=more"]).encode())
    with pytest.raises(InvalidRequest):
        parse_form(b"&" * MAX_PARAMETERS)


@given(st.dictionaries(PRINTABLE.filter(bool), PRINTABLE.filter(bool), max_size=6))
def test_every_form_that_others_encode_is_read_back(fields):
    resource = fields.pop("resource", None)
    form = parse_form(urlencode(fields).encode())
    assert form == (fields, ())
    assert resource is None or parse_form(urlencode({"resource": resource}).encode()).resources


@given(st.binary(max_size=200) | st.text("a=&%+4f\0é", max_size=40).map(str.encode))
@example(b"%")
@example(b"resource=%")
def test_any_bytes_are_read_as_others_read_them_or_refused(body):
    try:
        form = parse_form(body)
    except InvalidRequest:
        return
    pairs = parse_qsl(body.decode(), strict_parsing=False, errors="strict")
    assert form.fields == {name: value for name, value in pairs if name != "resource"}
    assert form.resources == tuple(value for name, value in pairs if name == "resource")


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/x-www-form-urlencoded",
        b"application/x-www-form-urlencoded; charset=UTF-8",
        b"Application/X-WWW-Form-URLEncoded ;charset=utf-8",
    ],
)
def test_a_form_says_so(content_type):
    require_form_type(content_type)


@requirement("RFC 6749 §3.2")
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        b"",
        b"application/json",
        b"multipart/form-data; boundary=x",
        b"text/plain",
        b"*/*",
        b"application/x-www-form-urlencodedx",
        b"x, application/x-www-form-urlencoded",
    ],
)
def test_anything_else_is_refused(content_type):
    with pytest.raises(InvalidRequest):
        require_form_type(content_type)
