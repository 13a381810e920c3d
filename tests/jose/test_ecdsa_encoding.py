"""Our DER against the library's, with the integers that ask for special treatment."""

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from tokenry.jose.ecdsa_encoding import der_from_raw, raw_from_der


def integers(size):
    edges = [0, 1, 0x7F, 0x80, 0xFF, 1 << (8 * size - 1), (1 << (8 * size - 1)) - 1]
    edges += [(1 << 8 * size) - 1, (1 << 8 * (size - 1)) - 1, 1 << 8 * (size - 1)]
    return st.sampled_from(edges) | st.integers(0, (1 << 8 * size) - 1)


@pytest.mark.parametrize("size", [32, 48])
@given(data=st.data())
def test_der_is_the_librarys_and_turns_back_into_the_same_bytes(size, data):
    r, s = data.draw(integers(size)), data.draw(integers(size))
    raw = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    der = encode_dss_signature(r, s)
    assert der_from_raw(raw, size) == der
    assert raw_from_der(der, size) == raw
