"""One key of each algorithm for all of these tests; making RSA keys is slow."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tokenry.jose import Algorithm, PrivateKey

VECTORS = Path(__file__).parent.parent / "vectors"


@pytest.fixture(scope="session")
def keys() -> dict[Algorithm, PrivateKey]:
    return {algorithm: PrivateKey.generate(algorithm) for algorithm in Algorithm}


@pytest.fixture(params=list(Algorithm), ids=lambda algorithm: algorithm.value)
def key(request: pytest.FixtureRequest, keys: dict[Algorithm, PrivateKey]) -> PrivateKey:
    return keys[request.param]


@pytest.fixture(scope="session")
def vector() -> Callable[[str], Any]:
    return lambda path: json.loads((VECTORS / path).read_text())
