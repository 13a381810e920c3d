"""Key states: what the table allows, what is due when, and that a signing key is never missing."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.requirement import requirement
from tokenry.protocol.key_states import (
    ACTIVE_KEYS,
    LATE_SIGNATURES,
    NoSuchStep,
    activated,
    activation_time,
    destroyed,
    due_transitions,
    published,
    removal,
    retired,
    signing_key,
)
from tokenry.protocol.signing_key import NEXT_STATES, KeyState, KeyUse, SigningKey
from tokenry.vocabulary.identifiers import KeyId
from tokenry.vocabulary.instant import Instant, Seconds, later

NOW = Instant(1_800_000_000_000)
MAX_AGE = Seconds(300)
LONGEST = Seconds(905)


def a_key(kid="k1", *, use=KeyUse.TOKEN, state=KeyState.ACTIVE, algorithm="ES256", since=NOW):
    return SigningKey(
        kid=KeyId(kid),
        use=use,
        algorithm=algorithm,
        state=state,
        announced_at=since,
        activates_at=since,
        retired_at=since if state is KeyState.RETIRED else None,
        destroy_at=since if state is KeyState.RETIRED else None,
        public_jwk=b"{}",
        wrapped_private=b"" if state is KeyState.DESTROYED else b"wrapped",
    )


STEPS = {
    KeyState.ACTIVE: lambda key: activated(key, now=NOW),
    KeyState.RETIRED: lambda key: retired(key, now=NOW, longest_token=LONGEST),
    KeyState.DESTROYED: lambda key: destroyed(key, now=NOW),
}


@requirement("G-5")
@pytest.mark.parametrize(("before", "after"), list(itertools.product(KeyState, STEPS)))
def test_exactly_the_steps_of_the_table_can_be_taken(before, after):
    key = a_key(state=before)
    if after in NEXT_STATES[before]:
        transition = STEPS[after](key)
        assert transition.expected is before
        assert transition.key.state is after
        assert transition.key.kid == key.kid
    else:
        with pytest.raises(NoSuchStep):
            STEPS[after](key)


def test_no_step_leads_back_to_announced_nor_out_of_destroyed():
    assert all(KeyState.ANNOUNCED not in following for following in NEXT_STATES.values())
    assert not NEXT_STATES[KeyState.DESTROYED]


@requirement("G-5", "R-05")
def test_a_destroyed_key_has_no_private_part_and_is_not_shown():
    gone = destroyed(a_key(state=KeyState.RETIRED), now=NOW).key
    assert gone.wrapped_private == b""
    assert published([gone], KeyUse.TOKEN) == ()


@requirement("G-5")
def test_announced_active_and_retired_keys_are_shown_and_only_those_of_the_use():
    keys = [a_key(state.value, state=state) for state in KeyState] + [a_key("f", use=KeyUse.FEED)]
    shown = {key.state for key in published(keys, KeyUse.TOKEN)}
    assert shown == {KeyState.ANNOUNCED, KeyState.ACTIVE, KeyState.RETIRED}
    assert [key.kid for key in published(keys, KeyUse.FEED)] == ["f"]


@requirement("G-5", "R-05")
def test_a_key_signs_only_after_every_cached_key_set_without_it_has_expired():
    activates = activation_time(NOW, max_age=MAX_AGE)
    assert activates > later(NOW, MAX_AGE)
    new = msgspec.structs.replace(a_key("new", state=KeyState.ANNOUNCED), activates_at=activates)
    keys = [a_key("old", since=later(NOW, Seconds(-1000))), new]
    assert due_transitions(keys, now=Instant(activates - 1), longest_token=LONGEST) == ()
    steps = due_transitions(keys, now=activates, longest_token=LONGEST)
    assert {(step.key.kid, step.key.state) for step in steps} == {
        ("new", KeyState.ACTIVE),
        ("old", KeyState.RETIRED),
    }


@requirement("G-5", "R-70")
def test_a_retired_key_stays_until_its_last_token_has_expired():
    gone_at = later(NOW, Seconds(LONGEST + LATE_SIGNATURES))
    old = retired(a_key(), now=NOW, longest_token=LONGEST).key
    assert old.destroy_at == gone_at
    assert due_transitions([old], now=Instant(gone_at - 1), longest_token=LONGEST) == ()
    (step,) = due_transitions([old], now=gone_at, longest_token=LONGEST)
    assert step.key.state is KeyState.DESTROYED


def test_of_two_keys_announced_together_the_newer_takes_over_and_the_older_never_signs():
    waiting = [
        a_key("first", state=KeyState.ANNOUNCED, since=Instant(NOW - 2)),
        a_key("second", state=KeyState.ANNOUNCED, since=Instant(NOW - 1)),
    ]
    steps = due_transitions(
        [a_key("old", since=Instant(NOW - 9)), *waiting], now=NOW, longest_token=LONGEST
    )
    assert {step.key.kid: step.key.state for step in steps} == {
        "old": KeyState.RETIRED,
        "first": KeyState.DESTROYED,
        "second": KeyState.ACTIVE,
    }


@requirement("G-1")
def test_the_older_of_two_feed_keys_signs_and_a_new_one_becomes_the_spare():
    keys = [
        a_key("a", use=KeyUse.FEED, since=Instant(NOW - 20)),
        a_key("b", use=KeyUse.FEED, since=Instant(NOW - 10)),
        a_key("c", use=KeyUse.FEED, state=KeyState.ANNOUNCED, since=NOW),
    ]
    assert signing_key(keys, KeyUse.FEED, "ES256").kid == "a"
    after = apply(keys, due_transitions(keys, now=NOW, longest_token=LONGEST))
    # "b" was trusted by verifiers all along; "c" waits its turn.
    assert signing_key(after, KeyUse.FEED, "ES256").kid == "b"
    assert [key.kid for key in after if key.state is KeyState.ACTIVE] == ["b", "c"]


def test_algorithms_and_uses_succeed_each_other_apart():
    keys = [
        a_key("es", since=Instant(NOW - 9)),
        a_key("rs", algorithm="RS256", since=Instant(NOW - 9)),
        a_key("rs2", algorithm="RS256", state=KeyState.ANNOUNCED),
    ]
    after = apply(keys, due_transitions(keys, now=NOW, longest_token=LONGEST))
    assert signing_key(after, KeyUse.TOKEN, "ES256").kid == "es"
    assert signing_key(after, KeyUse.TOKEN, "RS256").kid == "rs2"


def apply(keys, steps):
    moved = {step.key.kid: step.key for step in steps}
    return [moved.pop(key.kid, key) for key in keys] + list(moved.values())


key_lists = st.lists(
    st.builds(
        lambda state, age: (state, age),
        st.sampled_from(list(KeyState)),
        st.integers(min_value=-1000, max_value=1000),
    ),
    max_size=6,
).map(
    lambda drawn: [
        a_key(f"k{i}", state=state, since=Instant(NOW + age))
        for i, (state, age) in enumerate(drawn)
    ]
)


@requirement("G-5", "R-70")
@given(key_lists, st.sampled_from(list(KeyUse)))
def test_no_due_step_takes_the_last_signing_key_away(keys, use):
    keys = [msgspec.structs.replace(key, use=use) for key in keys]
    signed_before = signing_key(keys, use, "ES256") is not None
    after = apply(keys, due_transitions(keys, now=NOW, longest_token=LONGEST))
    assert not signed_before or signing_key(after, use, "ES256") is not None
    active = [key for key in after if key.state is KeyState.ACTIVE]
    before = [key for key in keys if key.state is KeyState.ACTIVE]
    assert len(active) <= max(ACTIVE_KEYS[use], len(before))
    # Nothing is due a second time.
    assert due_transitions(after, now=NOW, longest_token=LONGEST) == ()


@requirement("G-5", "R-05")
@given(key_lists.filter(bool), st.sampled_from(list(KeyUse)), st.data())
def test_removing_a_stolen_key_leaves_a_signing_key_of_its_use(keys, use, data):
    keys = [msgspec.structs.replace(key, use=use) for key in keys]
    stolen = data.draw(st.sampled_from(keys))
    result = removal(keys, stolen.kid, now=NOW)
    after = apply(keys, result.steps)
    if result.replacement is not None:
        after.append(a_key("replacement", use=use, state=result.replacement))
    assert all(key.state is KeyState.DESTROYED for key in after if key.kid == stolen.kid)
    assert stolen.kid not in {key.kid for key in published(after, use)}
    if stolen.state is KeyState.ACTIVE:
        assert signing_key(after, use, "ES256") is not None


def test_a_removed_signing_key_is_followed_by_the_one_that_verifiers_have_already():
    keys = [a_key("stolen"), a_key("next", state=KeyState.ANNOUNCED)]
    result = removal(keys, KeyId("stolen"), now=NOW)
    assert result.replacement is None
    assert signing_key(apply(keys, result.steps), KeyUse.TOKEN, "ES256").kid == "next"


def test_the_place_of_a_removed_feed_key_is_taken_by_the_spare_and_a_new_spare_is_announced():
    keys = [a_key("stolen", use=KeyUse.FEED), a_key("spare", use=KeyUse.FEED)]
    assert removal(keys, KeyId("stolen"), now=NOW).replacement is KeyState.ANNOUNCED


def test_removing_a_key_twice_takes_no_step_and_an_unknown_one_is_an_error():
    gone = a_key(state=KeyState.DESTROYED)
    assert removal([gone], gone.kid, now=NOW).steps == ()
    with pytest.raises(LookupError):
        removal([gone], KeyId("never"), now=NOW)
