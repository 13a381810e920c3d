"""POST revocations: the duty `revoke`, and `keys` as well to take a signing key out of use."""

import msgspec

from tokenry.authority.operators import require_duty
from tokenry.authority.revocation import Revocations
from tokenry.vocabulary.bounds import MAX_TOKEN_BYTES
from tokenry.vocabulary.errors import InvalidRequest
from tokenry.vocabulary.selectors import SelectorKind
from tokenry.web.admin.endpoint import Call
from tokenry.web.admin.input import parse_json
from tokenry.web.body import Answer, json_answer


class _Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: str | None = None
    id: str | None = None
    token: str | None = None


class RevocationActs:
    """Revokes by kind and id, or the one token that was pasted."""

    def __init__(self, *, revocations: Revocations) -> None:
        self._revocations = revocations

    async def revoke(self, call: Call) -> Answer:
        """Take `{"kind", "id"}` or `{"token"}`. Durable, and announced, when answered."""
        asked = parse_json(call.body, call.content_type, _Asked)
        act = call.act
        if asked.token is not None and asked.kind is None and asked.id is None:
            if len(asked.token) > MAX_TOKEN_BYTES:
                raise InvalidRequest(because="the token is too long")
            report = await self._revocations.revoke_token(
                asked.token,
                actor=act.actor,
                trace=act.trace,
                idempotency_key=act.idempotency_key,
            )
        elif asked.token is None and asked.kind is not None and asked.id is not None:
            kind = _kind(asked.kind)
            if kind is SelectorKind.KEY:
                require_duty(call.operator, "keys")
            report = await self._revocations.revoke(
                kind,
                asked.id,
                actor=act.actor,
                trace=act.trace,
                idempotency_key=act.idempotency_key,
            )
        else:
            raise InvalidRequest(
                because="neither kind and id nor token",
                description="Give either kind and id, or token.",
            )
        return json_answer(
            200,
            {
                "numbers": report.numbers,
                "fresh": report.fresh,
                "kind": report.kind.value,
                "selector": report.selector.hex(),
                "note": report.note,
            },
        )


def _kind(name: str) -> SelectorKind:
    try:
        return SelectorKind(name)
    except ValueError:
        kinds = ", ".join(kind.value for kind in SelectorKind)
        raise InvalidRequest(because="unknown kind", description=f"kind is {kinds}.") from None
