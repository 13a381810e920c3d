"""Operators are proven by their token alone, and each may do what their duties say."""

from hashlib import sha256

import pytest

from support.manual_clock import START, ManualClock
from support.requirement import requirement
from tokenry.authority.operators import Operators, require_duty
from tokenry.ports.plans import ChangePlan, PutOperator, RemoveOperator
from tokenry.protocol.registry import Operator, Origin
from tokenry.stores.memory.store import MemoryStore
from tokenry.vocabulary.errors import InsufficientScope, InvalidToken
from tokenry.vocabulary.identifiers import IssuerUrl, OperatorName

ISSUER = IssuerUrl("https://auth.example")


def operator(name: str, token: str, *duties: str) -> Operator:
    return Operator(
        name=OperatorName(name),
        token_digest=sha256(token.encode()).digest(),
        duties=duties,  # type: ignore[arg-type]
        origin=Origin.BLUEPRINT,
    )


@pytest.fixture
async def store() -> MemoryStore:
    store = MemoryStore(clock=ManualClock())
    await store.create_issuer(ISSUER)
    changes = (PutOperator(operator("a", "tko_a", "audit")), PutOperator(operator("b", "tko_b")))
    await store.change(ChangePlan(issuer=ISSUER, asked_at=START, changes=changes, audit=()))
    return store


@requirement("R-53")
async def test_a_token_proves_its_operator(store: MemoryStore) -> None:
    operators = Operators(issuer=ISSUER, store=store)
    assert (await operators.authenticate("tko_a")).name == "a"
    assert (await operators.authenticate("tko_b")).name == "b"


@requirement("R-53")
@pytest.mark.parametrize("token", ["", "tko_", "tko_c", "a", "TKO_A", "tko_a ", "x" * 10**6, "\0"])
async def test_anything_else_proves_nobody(store: MemoryStore, token: str) -> None:
    with pytest.raises(InvalidToken):
        await Operators(issuer=ISSUER, store=store).authenticate(token)


@requirement("R-53")
async def test_an_operator_who_was_removed_is_refused_from_then_on(store: MemoryStore) -> None:
    operators = Operators(issuer=ISSUER, store=store)
    await operators.authenticate("tko_a")
    changes = (RemoveOperator(OperatorName("a")),)
    removal = ChangePlan(issuer=ISSUER, asked_at=START, changes=changes, audit=())
    await store.change(removal)
    with pytest.raises(InvalidToken):
        await operators.authenticate("tko_a")


@requirement("R-53", "G-7")
def test_a_duty_that_was_not_given_is_refused() -> None:
    require_duty(operator("a", "t", "audit", "feed"), "feed")
    with pytest.raises(InsufficientScope) as refused:
        require_duty(operator("a", "t", "audit", "feed"), "revoke")
    assert "revoke" in refused.value.description
