"""Whatever the bytes, parsing gives a Blueprint or a BlueprintError, and says where."""

import math

from hypothesis import given
from hypothesis import strategies as st

from blueprint.toml_text import toml_text
from support.requirement import requirement
from tokenry.blueprint.declarations import Declaration
from tokenry.blueprint.parse import parse_blueprint
from tokenry.blueprint.problems import BlueprintError, Problem
from tokenry.blueprint.shape import keys_of

DIGEST = "ab" * 32
words = st.sampled_from(
    ["https://a.example", "urn:x", "read", "orders", DIGEST, "ES256", "jwt", "revoke", "::1", ""]
)
scalars = (
    words
    | st.text(max_size=8)
    | st.integers()
    | st.booleans()
    | st.floats()
    | st.datetimes()
    | st.dates()
    | st.times()
)
declared = [
    key.name for declaration in Declaration.__subclasses__() for key in keys_of(declaration)
]
keys = st.sampled_from([*declared, "orders", "read"]) | st.text(max_size=6)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5)
)


def problems_in(data: bytes) -> tuple[Problem, ...]:
    """Return what is wrong, () when nothing is; any other error is the test's failure."""
    try:
        parse_blueprint(data)
    except BlueprintError as error:
        return error.problems or (Problem(path="?", expected="a problem", found="none"),)
    return ()


@requirement("R-51")
@given(st.dictionaries(keys, values, max_size=6))
def test_arbitrary_toml_is_a_blueprint_or_a_list_of_problems(document: dict[str, object]) -> None:
    for problem in problems_in(toml_text(document).encode()):
        assert "\n" not in str(problem)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_arbitrary_bytes_are_a_list_of_problems(data: bytes) -> None:
    assert len(problems_in(data)) > 0


good = {
    "issuer": {"url": "https://auth.example"},
    "resource_servers": {
        "orders": {
            "audience": "https://orders.example",
            "scopes": {"read": {"lifetime": 60, "low_risk": True}},
            "tiers": {"fresh": 5, "survival_scopes": ["read"]},
            "secret_sha256": [DIGEST],
        }
    },
    "clients": {"shop": {"secret_sha256": [DIGEST], "access": {"orders": ["read"]}}},
    "operators": {"first": {"token_sha256": DIGEST, "duties": ["revoke"]}},
    "listeners": {"public": {"port": 1, "trusted_proxies": ["::1"]}},
}


def places(document: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    inner = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    return [path, *(place for step, value in inner for place in places(value, (*path, step)))]


def with_value(document: object, path: tuple[object, ...], value: object) -> object:
    if not path:
        return value
    if isinstance(document, dict):
        return {**document, path[0]: with_value(document[path[0]], path[1:], value)}
    assert isinstance(document, list)
    return [
        with_value(item, path[1:], value) if index == path[0] else item
        for index, item in enumerate(document)
    ]


@requirement("R-51")
@given(place=st.sampled_from([path for path in places(good) if path]), value=values)
def test_one_changed_value_is_accepted_or_told_near_its_place(
    place: tuple[object, ...], value: object
) -> None:
    """Told below the changed table's top-level name, or at what refers to it."""
    if isinstance(value, float) and not math.isfinite(value):
        value = 0.5
    problems = problems_in(toml_text(with_value(good, place, value)).encode())
    assert {problem.path.partition(".")[0] for problem in problems} <= {str(place[0]), "clients"}
