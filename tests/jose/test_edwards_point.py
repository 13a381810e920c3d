"""Which Ed25519 keys are refused, checked by walking the curve itself."""

from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from support.requirement import requirement
from tokenry.jose.edwards_point import is_sound_public_key

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P,
    )


def point_with(y):
    """Return a point with this y, or None where the curve has none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_ONE % P
    return (x, y) if x * x % P == square else None


def eightfold(point):
    for _ in range(3):
        point = add(point, point)
    return point


def encoded(y, sign=0):
    return (y | sign << 255).to_bytes(32, "little")


@requirement("RFC 8032 §5.1.7")
def test_all_points_of_small_order_are_refused():
    # Multiplying by the group's large prime order leaves only the small part of a point.
    order = 2**252 + 27742317777372353535851937790883648493
    small = set()
    for y in range(2, 60):
        point, result = point_with(y), (0, 1)
        if point is None:
            continue
        for bit in f"{order:b}":
            result = add(result, result)
            if bit == "1":
                result = add(result, point)
        multiple = result
        for _ in range(8):
            small.add(multiple)
            multiple = add(multiple, result)
    for x, y in small:
        assert eightfold((x, y)) == (0, 1)
        assert not is_sound_public_key(encoded(y))
        assert not is_sound_public_key(encoded(y, sign=1))
    assert len({y for _, y in small}) == 5


@requirement("RFC 8032 §5.1.3")
@given(st.integers(2, P - 2), st.integers(0, 1))
def test_exactly_the_points_of_the_curve_are_taken(y, sign):
    point = point_with(y)
    sound = point is not None and eightfold(point) != (0, 1)
    assert is_sound_public_key(encoded(y, sign)) == sound


def test_a_second_spelling_of_a_point_is_refused():
    for y in range(19):
        assert not is_sound_public_key((y + P).to_bytes(32, "little"))


def test_real_keys_are_taken():
    for _ in range(20):
        key = ed25519.Ed25519PrivateKey.generate().public_key()
        assert is_sound_public_key(key.public_bytes_raw())
