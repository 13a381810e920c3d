"""The published vectors: that the code makes them byte for byte, and believes them."""

import base64
import json
import re
from pathlib import Path

from support.requirement import requirement
from tokenry.feed.frame import parse_frame
from tokenry.feed.heartbeat import parse_heartbeat
from tokenry.feed.outcomes import Backwards
from tokenry.feed.packed_records import unpack_records
from tokenry.feed.profile import parse_profile
from tokenry.feed.record import first_chain_value, next_chain_value, record_from_bytes
from tokenry.feed.refusals import FeedRefused
from tokenry.feed.snapshot import load_snapshot, parse_manifest, split_snapshot
from tokenry.feed.staleness import ClockReading, usable_scopes
from tokenry.feed.view import RevocationView
from tokenry.jose import JwsRefused, KeySet, parse_compact, verify_compact
from tokenry.vocabulary.selectors import SelectorKind, selector
from vectors.feed.generate import documents, existing_documents

ROOT = Path(__file__).parents[2]
EXISTING = existing_documents()
SESSION = EXISTING["session.json"]
CAPACITY = 100


def verified(jws, kind, jwks) -> bytes:
    keys = KeySet.from_jwks(jwks)
    typ = f"tokenry-{kind}+jws"
    return verify_compact(jws, expected_type=typ, find_key=keys.find, limit=1 << 18).payload


def test_the_vectors_are_what_the_code_makes():
    here = ROOT / "tests/vectors/feed"
    for name, text in documents(EXISTING).items():
        assert (here / name).read_text("utf-8") == text, f"{name}: run generate.py"


def test_records_selectors_and_chain_are_as_published():
    published = EXISTING["records.json"]
    chain = first_chain_value(published["issuer"], published["epoch"])
    assert chain.hex() == published["first_chain_value"]
    for each in published["records"]:
        record = record_from_bytes(bytes.fromhex(each["bytes"]))
        named = selector(published["issuer"], SelectorKind(each["kind"]), each["id"])
        assert record.selector == named == bytes.fromhex(each["selector"])
        assert (record.seq, record.type, record.before, record.expires) == (
            each["seq"],
            each["type"],
            each["before"],
            each["expires"],
        )
        chain = next_chain_value(chain, record)
        assert chain.hex() == each["chain"]


def test_signed_objects_verify_and_round_trip():
    published = EXISTING["objects.json"]
    readers = {
        "empty_frame": ("frame", parse_frame),
        "frame": ("frame", parse_frame),
        "heartbeat": ("heartbeat", parse_heartbeat),
        "profile": ("profile", parse_profile),
        "manifest": ("snapshot", parse_manifest),
    }
    assert readers.keys() == published["objects"].keys()
    for name, (kind, parse) in readers.items():
        each = published["objects"][name]
        payload = verified(each["jws"], kind, published["jwks"])
        assert payload == each["payload"].encode()
        assert parse(payload).to_payload() == payload


def test_the_snapshot_loads():
    published = EXISTING["objects.json"]
    parts = split_snapshot(base64.b64decode(published["snapshot"]))
    manifest = parse_manifest(verified(parts.manifest, "snapshot", published["jwks"]))
    loaded = load_snapshot(manifest, parts.records, capacity=CAPACITY)
    assert len(loaded.table) == manifest.count == len(list(unpack_records(parts.records))) == 3
    assert parts.to_bytes() == base64.b64decode(published["snapshot"])


def test_the_page_shows_the_vectors_bytes():
    """The worked examples of docs/reference/feed.md, spaces aside."""
    page = (ROOT / "docs/reference/feed.md").read_text("utf-8")
    shown = page.replace(" ", "")
    published = EXISTING["records.json"]
    for text in (published["first_chain_value"], published["records"][0]["bytes"]):
        assert text in shown
    frame = EXISTING["objects.json"]["objects"]["frame"]["payload"]
    as_shown = re.sub(r'"records":"(....)[^"]*"', r'"records":"\1…"', frame)
    assert as_shown in re.sub(r"\n\s*", "", page)
    profile = EXISTING["objects.json"]["objects"]["profile"]["payload"]
    assert profile in re.sub(r"\n\s*", "", page)


def outcome_name(outcome) -> str:
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(outcome).__name__).lower()
    return f"{name}_alarm" if isinstance(outcome, Backwards) and outcome.alarm else name


class Player:
    """A view that plays the session. Of tokens it judges what the view decides, nothing else."""

    def __init__(self) -> None:
        self.view = RevocationView(SESSION["issuer"], leeway=5, capacity=CAPACITY)
        self.profile = None

    def message(self, step, at) -> str:
        try:
            return outcome_name(self.outcome(step, at))
        except (JwsRefused, FeedRefused):
            return "refused"

    def outcome(self, step, at):
        jwks = SESSION["feed_jwks"]
        if "frame" in step:
            return self.view.apply_frame(parse_frame(verified(step["frame"], "frame", jwks)), at)
        if "heartbeat" in step:
            heartbeat = parse_heartbeat(verified(step["heartbeat"], "heartbeat", jwks))
            return self.view.apply_heartbeat(heartbeat, at)
        manifest = parse_manifest(verified(step["snapshot"]["manifest"], "snapshot", jwks))
        self.profile = parse_profile(verified(step["snapshot"]["profile"], "profile", jwks))
        records = base64.b64decode(step["snapshot"]["records"])
        predecessor = self.view.predecessor()
        loaded = load_snapshot(manifest, records, capacity=CAPACITY, predecessor=predecessor)
        return self.view.install(loaded, at)

    def judgement(self, token, at) -> object:
        issuer = SESSION["issuer"]
        jws = parse_compact(token)
        claims = json.loads(jws.payload)
        if selector(issuer, SelectorKind.KEY, jws.header.kid) in self.view.removed_keys:
            return "invalid"
        bound = claims.get("cnf", {})
        ids = {
            SelectorKind.JTI: [claims["jti"]],
            SelectorKind.GRANT: [claims["grant"]],
            SelectorKind.SESSION: [claims.get("sid")],
            SelectorKind.SUBJECT: [claims["sub"]],
            SelectorKind.DEVICE: [claims.get("device")],
            SelectorKind.CLIENT: [claims["client_id"]],
            SelectorKind.CONFIRMATION: [bound.get("jkt"), bound.get("x5t#S256")],
            SelectorKind.ISSUER: [claims["iss"]],
        }
        carried = frozenset(
            selector(issuer, kind, value) for kind, of in ids.items() for value in of if value
        )
        if self.view.matches(carried, claims["rsn"]):
            return "invalid"
        if self.profile is None:
            return "unavailable"
        tier = self.view.tier(self.profile.tiers, at)
        usable = usable_scopes(frozenset(claims["scope"].split()), tier, self.profile)
        return sorted(usable) or "unavailable"


@requirement("G-1", "R-30", "R-32", "R-43")
def test_a_session_is_answered_as_published():
    player = Player()
    for step in SESSION["steps"]:
        at = ClockReading(step["now"], step["boottime"])
        if "token" not in step:
            assert player.message(step, at) == step["expect"], step["say"]
        elif "whatever_is_revoked" not in step:
            assert player.judgement(step["token"], at) == step["expect"], step["say"]
