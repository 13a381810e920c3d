"""Records, heads and signed objects of the test vectors, with keys that never change."""

import base64

from tokenry.feed.chain import ChainHead, extend_chain, head_before_first
from tokenry.feed.frame import Frame
from tokenry.feed.heartbeat import Heartbeat, IssuerHead
from tokenry.feed.packed_records import pack_records
from tokenry.feed.profile import Profile, Tiers
from tokenry.feed.record import NEVER, Record, RecordType
from tokenry.feed.snapshot import Manifest, SnapshotBody, manifest_of
from tokenry.jose import Algorithm, KeySet, PrivateKey, parse_compact, sign_compact
from tokenry.vocabulary.identifiers import encode_base64url
from tokenry.vocabulary.selectors import SelectorKind, selector
from tokenry.vocabulary.sequence import sequence_number

ISSUER = "https://auth.example"
OTHER_ISSUER = "https://auth.example/t1"
AUDIENCE = "https://orders.example"
NOW = 1_800_000_000_000
KEYS = ("feed", "spare_feed", "token", "stolen_token", "stranger")

PROFILE = Profile(
    issuer=ISSUER,
    audience=AUDIENCE,
    profile=1,
    tiers=Tiers(),
    low_risk_scopes=frozenset({"orders.read"}),
    survival_scopes=frozenset(),
    max_token_lifetime=300,
    leeway=5,
)


def handle(number: int) -> str:
    """An id as Tokenry makes them, though not at random."""
    return encode_base64url(bytes([number]) * 16)


def number(n: int, epoch: int = 1) -> int:
    return sequence_number(epoch, n)


def record(n: int, kind: SelectorKind, value: str, *, lives: int = 305, epoch: int = 1) -> Record:
    """A record whose tokens live at most `lives` seconds from NOW, leeway included."""
    is_key = kind is SelectorKind.KEY
    return Record(
        seq=number(n, epoch),
        type=RecordType.KEY if is_key else RecordType.SELECTOR,
        selector=selector(ISSUER, kind, value),
        before=number(n, epoch),
        expires=NEVER if is_key else NOW // 1000 + lives,
    )


def heads(records: list[Record], epoch: int = 1) -> list[ChainHead]:
    """The head before the first record, and after each."""
    found = [head_before_first(ISSUER, epoch)]
    for each in records:
        found.append(ChainHead(each.seq, extend_chain(found[-1].chain, each.to_bytes())))
    return found


def frame(records: list[Record], head: ChainHead, *, after: int = 0, profiles: int = 1) -> Frame:
    """One that is closed `after` milliseconds after NOW."""
    return Frame(
        issuer=ISSUER,
        epoch=head.epoch,
        first=records[0].seq,
        last=head.last,
        closed=NOW + after,
        chain=head.chain,
        profiles=profiles,
        records=pack_records(records),
    )


def heartbeat(*stated: tuple[str, ChainHead], after: int) -> Heartbeat:
    return Heartbeat(NOW + after, tuple(IssuerHead(iss, head, 1) for iss, head in stated))


class Signing:
    """Signs, unless `existing` documents already hold the same object under the same key."""

    def __init__(self, existing: dict[str, object]) -> None:
        made = existing.get("keys.json", {})
        self.keys = {name: _key(made.get(name)) for name in KEYS}
        self._signed = {}
        for text in _strings_in(existing):
            if text.startswith("eyJ") and text.count(".") == 2:
                jws = parse_compact(text, limit=1 << 20)
                self._signed[jws.payload, jws.header.typ, jws.header.kid] = text

    def __call__(self, payload: bytes, typ: str, *, key: str = "feed") -> str:
        private = self.keys[key]
        named = payload, typ, private.public.kid
        if named not in self._signed:
            self._signed[named] = sign_compact(payload, key=private, typ=typ)
        return self._signed[named]

    def frame(self, made: Frame, **options: str) -> str:
        return self(made.to_payload(), "tokenry-frame+jws", **options)

    def heartbeat(self, made: Heartbeat) -> str:
        return self(made.to_payload(), "tokenry-heartbeat+jws")

    def profile(self, made: Profile) -> str:
        return self(made.to_payload(), "tokenry-profile+jws")

    def manifest(self, made: Manifest) -> str:
        return self(made.to_payload(), "tokenry-snapshot+jws")

    def snapshot(self, head: ChainHead, live: list[Record], *, after: int = 0) -> SnapshotBody:
        records = pack_records(live)
        manifest = manifest_of(ISSUER, head, records, closed=NOW + after, profiles=1)
        return SnapshotBody(
            self.manifest(manifest).encode(), self.profile(PROFILE).encode(), records
        )

    def jwks(self, *names: str) -> dict[str, object]:
        return KeySet.of([self.keys[name].public for name in names]).to_jwks()


def _key(made: object) -> PrivateKey:
    if isinstance(made, dict):
        pkcs8 = base64.b64decode(made["pkcs8"])
        return PrivateKey.from_pkcs8(pkcs8, algorithm=Algorithm.ES256)
    return PrivateKey.generate(Algorithm.ES256)


def _strings_in(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for child in value for text in _strings_in(child)] if type(value) is list else []
