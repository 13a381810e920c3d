"""The key ring: what signs, what is shown, and that keys of the feed and of tokens stay apart."""

import msgspec
import pytest

from support.feed_node import ISSUER, FeedNode
from support.requirement import requirement
from tokenry.authority.feed_signing import FeedType
from tokenry.jose import KeySet, attach, one_of, signing_input, verify_compact
from tokenry.protocol.signing_key import KeyState, KeyUse
from tokenry.signers.local import FileKeyWrapper, LocalSigner
from tokenry.vocabulary.errors import SignerUnavailable


@pytest.fixture
async def node(tmp_path):
    return await FeedNode.started(tmp_path)


@requirement("R-01", "RFC 9068 §2.1")
async def test_a_token_signed_under_the_slot_verifies_with_the_published_key(node):
    slot = node.ring.token_header("ES256")
    signed = signing_input(slot.header, b'{"iss":"x"}')
    token = attach(signed, await node.signer.sign(slot.kid, signed))
    keys = KeySet.from_jwks(node.ring.jwks())
    verified = verify_compact(token, expected_type=one_of("at+jwt"), find_key=keys.find)
    assert verified.payload == b'{"iss":"x"}'
    assert verified.key.thumbprint == slot.kid
    assert node.ring.public_key(slot.kid).thumbprint == slot.kid


@requirement("G-1")
async def test_feed_keys_are_in_the_feeds_key_set_alone(node):
    tokens, feed = KeySet.from_jwks(node.ring.jwks()), KeySet.from_jwks(node.ring.feed_jwks())
    assert len(feed.keys) == 2
    assert not set(tokens.by_kid) & set(feed.by_kid)
    assert node.ring.public_key(feed.keys[0].kid) is None
    assert node.ring.feed_header(FeedType.FRAME).kid in feed.by_kid


async def test_the_published_keys_say_what_they_are_for_and_nothing_private(node):
    for jwks in (node.ring.jwks(), node.ring.feed_jwks()):
        for key in msgspec.json.decode(jwks)["keys"]:
            assert key["use"] == "sig"
            assert key["alg"] == "ES256"
            assert "d" not in key


async def test_an_algorithm_without_an_active_key_cannot_sign(node):
    with pytest.raises(SignerUnavailable, match="RS256"):
        node.ring.token_header("RS256")


async def test_without_keys_nothing_can_be_signed(tmp_path):
    node = FeedNode(tmp_path)
    with pytest.raises(SignerUnavailable):
        node.ring.token_header("ES256")
    with pytest.raises(SignerUnavailable):
        node.ring.feed_header(FeedType.FRAME)
    assert node.ring.jwks() == node.ring.feed_jwks() == b'{"keys":[]}'


@requirement("G-5")
async def test_announced_active_and_retired_keys_are_shown_and_one_signs(node):
    first = node.ring.token_header("ES256").kid
    new = await node.rollover.rotate(KeyUse.TOKEN, "ES256", actor="operator:o", trace="t")
    assert set(KeySet.from_jwks(node.ring.jwks()).by_kid) == {first, new.kid}
    assert node.ring.token_header("ES256").kid == first
    node.clock.advance(303)
    await node.rollover.take_due_steps()
    assert node.ring.token_header("ES256").kid == new.kid
    assert set(KeySet.from_jwks(node.ring.jwks()).by_kid) == {first, new.kid}
    # A request that chose its key just before may still finish.
    assert await node.signer.sign(first, b"input")


async def test_another_node_reads_keys_again_when_the_directory_has_moved(node, tmp_path):
    other = FeedNode(tmp_path, store=node.store, clock=node.clock)
    await other.ring.refresh()
    before = other.ring.jwks()
    await node.rollover.rotate(KeyUse.TOKEN, "ES256", actor="operator:o", trace="t")
    head = await node.store.head(ISSUER)
    await other.ring.refresh_if_moved(head.directory)
    assert other.ring.jwks() == node.ring.jwks() != before
    read = []
    node.store.signing_keys = read.append
    await other.ring.refresh_if_moved(head.directory)
    assert not read


@requirement("G-5")
async def test_a_key_file_that_was_replaced_is_an_error_that_says_so(node, tmp_path_factory):
    elsewhere = FileKeyWrapper.open(tmp_path_factory.mktemp("elsewhere"))
    node.ring._signer = LocalSigner(elsewhere)
    with pytest.raises(SignerUnavailable, match="restore it"):
        await node.ring.refresh()
    assert {key.state for key in node.ring.all_keys()} == {KeyState.ACTIVE}
