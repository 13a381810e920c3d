"""One verifier's session, message by message: what it must answer to each, and to each token."""

import base64
import json

import msgspec

from tokenry.feed.chain import ChainHead, head_before_first
from tokenry.feed.frame import Frame
from tokenry.vocabulary.selectors import SelectorKind
from vectors.feed.signing import (
    AUDIENCE,
    ISSUER,
    NOW,
    OTHER_ISSUER,
    Signing,
    frame,
    handle,
    heads,
    heartbeat,
    number,
    record,
)


class Session:
    """Collects steps. Times are milliseconds after NOW; the boot clock goes on by itself."""

    def __init__(self, sign: Signing) -> None:
        self.sign = sign
        self.steps: list[dict[str, object]] = []
        self.after = 0
        self.wrong_by = 0

    def step(self, say: str, expect: object, **given: object) -> None:
        times = {"now": NOW + self.after + self.wrong_by, "boottime": 1000 + self.after / 1000}
        self.steps.append({"say": say, **times, **given, "expect": expect})

    def frame(self, say: str, made: Frame, expect: str, *, key: str = "feed") -> None:
        self.step(say, expect, frame=self.sign.frame(made, key=key))

    def altered(self, say: str, made: Frame, **members: object) -> None:
        """A frame that is signed by a feed key and still is none."""
        payload = json.dumps(json.loads(made.to_payload()) | members).encode()
        self.step(say, "refused", frame=self.sign(payload, "tokenry-frame+jws"))

    def heartbeat(self, say: str, head: ChainHead, expect: str, *, after: int) -> None:
        elsewhere = (OTHER_ISSUER, head_before_first(OTHER_ISSUER, 1))
        made = heartbeat(elsewhere, (ISSUER, head), after=after)
        self.step(say, expect, heartbeat=self.sign.heartbeat(made))

    def snapshot(self, say: str, head, live, expect: str, *, after: int = 0) -> None:
        body = self.sign.snapshot(head, live, after=after)
        parts = {
            "manifest": body.manifest.decode("ascii"),
            "profile": body.profile.decode("ascii"),
            "records": base64.b64encode(body.records).decode("ascii"),
        }
        self.step(say, expect, snapshot=parts)

    def token(self, say: str, expect: object, *, key="token", typ="at+jwt", **claims) -> None:
        """Expect scopes (200), "invalid" (401) or "unavailable" (503)."""
        self.step(say, expect, token=self.sign(access_token(**claims), typ, key=key))

    def is_none(self, say: str, *, key="token", typ="at+jwt", **claims) -> None:
        """What no access token is, revoked or not."""
        token = self.sign(access_token(**claims), typ, key=key)
        self.step(say, "invalid", token=token, whatever_is_revoked=True)

    def allows(self, say: str, **claims: object) -> None:
        self.token(say, ["orders.read", "orders.write"], **claims)

    def refuses(self, say: str, **claims: object) -> None:
        self.token(say, "invalid", **claims)


def access_token(**claims: object) -> bytes:
    """An access token of the client "web" with a claim of every kind, changed by `claims`."""
    started = NOW // 1000 - 10
    members = {
        "iss": ISSUER,
        "sub": handle(101),
        "aud": AUDIENCE,
        "client_id": "web",
        "scope": "orders.read orders.write",
        "iat": started,
        "exp": started + 300,
        "jti": handle(102),
        "grant": handle(103),
        "sid": handle(104),
        "device": handle(105),
        "cnf": {"jkt": handle(106), "x5t#S256": handle(107)},
        "rsn": number(0),
    } | claims
    return json.dumps({name: value for name, value in members.items() if value != "-"}).encode()


def session_document(sign: Signing) -> dict[str, object]:
    session = Session(sign)
    history = history_of(sign)
    cold_start(session, history)
    revocations(session, history)
    refused_messages(session, history)
    ageing(session, history)
    two_histories(session, history)
    another_epoch(session)
    return {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "feed_jwks": sign.jwks("feed", "spare_feed"),
        "jwks": sign.jwks("token", "stolen_token"),
        "steps": session.steps,
    }


class History:
    """Records 1 to 9, and the head after each."""

    def __init__(self, records) -> None:
        self.records = records
        self.heads = heads(records)

    def frame(self, first: int, last: int, *, after: int = 0, **options) -> Frame:
        return frame(self.records[first - 1 : last], self.heads[last], after=after, **options)


def history_of(sign: Signing) -> History:
    kinds = SelectorKind
    stolen = sign.keys["stolen_token"].public.thumbprint
    return History(
        [
            record(1, kinds.JTI, handle(1)),
            record(2, kinds.GRANT, handle(2)),
            record(3, kinds.CLIENT, "batch"),
            record(4, kinds.KEY, stolen),
            record(5, kinds.SESSION, handle(5)),
            record(6, kinds.SUBJECT, handle(6)),
            record(7, kinds.DEVICE, handle(7)),
            record(8, kinds.CONFIRMATION, handle(8)),
            record(9, kinds.CONFIRMATION, handle(9)),
        ]
    )


def cold_start(session: Session, history: History) -> None:
    session.token("a verifier that knows nothing allows nothing", "unavailable")
    session.frame("a frame is no beginning", history.frame(1, 2), "snapshot_needed")
    session.snapshot("a snapshot is", history.heads[2], history.records[:2], "installed")
    session.allows("a token that no record names")
    session.refuses("its jti is in the snapshot", jti=handle(1))
    session.refuses("its grant is", grant=handle(2))
    session.allows("born with record 1", jti=handle(1), rsn=number(1))


def revocations(session: Session, history: History) -> None:
    session.allows("before its client is revoked", client_id="batch", rsn=number(2))
    session.frame("the next record", history.frame(3, 3), "applied")
    session.refuses("after", client_id="batch", rsn=number(2))
    session.allows("issued to it afterwards", client_id="batch", rsn=number(3))
    session.frame("the same frame again", history.frame(3, 3), "already_known")
    session.frame("one is missing between", history.frame(5, 5), "gap")
    session.allows("a good key", key="stolen_token")
    session.frame("that key is dropped", history.frame(4, 4), "applied")
    session.refuses("whatever rsn its thief writes", key="stolen_token", rsn=number(9))
    session.frame("partly known", history.frame(3, 7), "applied")
    session.refuses("by session", sid=handle(5))
    session.refuses("by subject", sub=handle(6))
    session.refuses("by device", device=handle(7))
    session.frame("several at once", history.frame(8, 9), "applied")
    session.refuses("by key thumbprint", cnf={"jkt": handle(8)})
    session.refuses("by certificate thumbprint", cnf={"x5t#S256": handle(9)})
    session.allows("with fewer ids", sid="-", device="-", cnf="-")


def refused_messages(session: Session, history: History) -> None:
    session.after = 500
    empty = Frame.empty(ISSUER, history.heads[9], closed=NOW + 500, profiles=1)
    session.frame("signed by a stranger", empty, "refused", key="stranger")
    session.frame("signed by a token key", empty, "refused", key="token")
    as_heartbeat = session.sign(empty.to_payload(), "tokenry-heartbeat+jws")
    session.step("another type", "refused", frame=as_heartbeat)
    session.altered("a version of later days", empty, version=2)
    session.altered("version 1.5 is none", empty, version=1.5)
    session.altered("fewer records than it says", empty, last=number(10))
    session.altered("in another epoch", empty, epoch=2)
    session.altered("half a record", history.frame(9, 9), records="AAAA")
    session.altered("a chain value of 31 bytes", empty, chain="A" * 42)
    session.altered("no chain value", empty, chain=None)
    elsewhere = msgspec.structs.replace(empty, issuer=OTHER_ISSUER)
    session.frame("of another issuer", elsewhere, "not_ours")
    session.step(
        "members that are not known mean nothing",
        "already_known",
        frame=session.sign(
            json.dumps(json.loads(empty.to_payload()) | {"colour": "blue"}).encode(),
            "tokenry-frame+jws",
        ),
    )
    session.allows("still everything")
    session.is_none("a frame is no token", typ="tokenry-frame+jws")
    session.is_none("a feed key signs no token", key="feed")
    session.is_none("nor does a stranger", key="stranger")
    session.is_none("of another issuer", iss=ISSUER + "/")
    session.is_none("for another service", aud=AUDIENCE + "/v2")
    session.is_none("without rsn", rsn="-")
    session.is_none("with an rsn that is no integer", rsn="1")
    session.is_none("expired, leeway and all", iat=NOW // 1000 - 305, exp=NOW // 1000 - 5)
    session.allows("expired, but for the leeway", iat=NOW // 1000 - 304, exp=NOW // 1000 - 4)
    session.is_none("from the future", iat=NOW // 1000 + 6)
    session.is_none("for longer than the profile allows", exp=NOW // 1000 - 10 + 301)


def ageing(session: Session, history: History) -> None:
    head = history.heads[9]
    session.after = 4000
    session.heartbeat("the same head, later", head, "already_known", after=4000)
    session.heartbeat("a node that lags", history.heads[8], "backwards", after=0)
    session.after = 4500
    session.heartbeat("a database set back", history.heads[8], "backwards_alarm", after=4500)
    session.allows("which alarms, and nothing more")
    session.after = 9000
    session.allows("five seconds after the newest tick")
    session.after = 9001
    session.token("a millisecond later", ["orders.read"])
    session.token("nothing low-risk in it", "unavailable", scope="orders.write")
    session.heartbeat("an old tick again", head, "already_known", after=4000)
    session.token("makes nothing fresher", ["orders.read"])
    session.after = 64_001
    session.token("beyond a minute", "unavailable")
    session.after = 70_000
    session.heartbeat("news again", head, "already_known", after=70_000)
    session.allows("all is well")
    session.wrong_by = -30_000
    session.is_none(
        "expired by the signed clock, though this machine's clock was set back",
        iat=NOW // 1000,
        exp=NOW // 1000 + 64,
    )
    session.wrong_by = 0


def two_histories(session: Session, history: History) -> None:
    """Record 9 is another one, and more follow."""
    other = History(
        [
            *history.records[:8],
            record(9, SelectorKind.JTI, handle(19)),
            record(10, SelectorKind.JTI, handle(20)),
        ]
    )
    session.heartbeat("two heads at one number", other.heads[9], "chain_mismatch", after=71_000)
    session.token("trust has lapsed", "unavailable")
    session.frame("and stays so", history.frame(9, 9, after=71_000), "snapshot_needed")
    session.snapshot(
        "an older snapshot does not help",
        other.heads[8],
        other.records[:8],
        "backwards_alarm",
        after=71_000,
    )
    session.snapshot("a later one does", other.heads[10], other.records, "installed", after=71_000)
    session.allows("trust is back")
    session.refuses("what the snapshot knows", jti=handle(20))
    session.refuses("what only the view knew", cnf={"jkt": handle(9)})
    session.refuses("a key stays dropped", key="stolen_token")


def another_epoch(session: Session) -> None:
    fence = record(1, SelectorKind.ISSUER, ISSUER, epoch=2)
    _, head = heads([fence], epoch=2)
    session.frame("a later epoch", frame([fence], head, after=72_000), "unknown_epoch")
    session.snapshot("its snapshot", head, [fence], "installed", after=72_000)
    session.refuses("born before the fence")
    session.allows("born after it", rsn=number(1, epoch=2))
