"""Bring what came from a blueprint in line with it, in one transaction (R-51).

Used at start-up and on SIGHUP. Touches only objects of origin `blueprint`; what is no longer
declared is removed and its tokens revoked. Applying the same file twice writes nothing.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from tokenry.audit.entry import AuditEntry, AuditEvent
from tokenry.authority.acts import Act, overtaken
from tokenry.authority.class_revocation import class_revocation
from tokenry.authority.declared_changes import NotedChange, declared_changes
from tokenry.blueprint.loading import LoadedBlueprint
from tokenry.blueprint.problems import BlueprintError, Problem, describe
from tokenry.ports.events import UNHEARD, Counted, Events
from tokenry.ports.plans import Revoked, RevokePlan
from tokenry.ports.store import Store
from tokenry.ports.surroundings import Bus, Clock
from tokenry.protocol.directory_index import index_directory
from tokenry.protocol.registry import Client
from tokenry.vocabulary.identifiers import IssuerUrl, TraceId
from tokenry.vocabulary.instant import Instant
from tokenry.vocabulary.selectors import SelectorKind

ACTOR: Final = "authority"
_ATTEMPTS: Final = 20
_PAGE: Final = 500
_ADDED: Final = frozenset(
    {AuditEvent.CLIENT_ADDED, AuditEvent.RESOURCE_SERVER_ADDED, AuditEvent.OPERATOR_ADDED}
)
_REMOVED: Final = frozenset(
    {AuditEvent.CLIENT_REMOVED, AuditEvent.RESOURCE_SERVER_REMOVED, AuditEvent.OPERATOR_REMOVED}
)
_ID_OF: Final = {
    AuditEvent.CLIENT_ADDED: "client",
    AuditEvent.CLIENT_CHANGED: "client",
    AuditEvent.CLIENT_REMOVED: "client",
    AuditEvent.RESOURCE_SERVER_ADDED: "resource_server",
    AuditEvent.RESOURCE_SERVER_CHANGED: "resource_server",
    AuditEvent.RESOURCE_SERVER_REMOVED: "resource_server",
    AuditEvent.OPERATOR_ADDED: "operator",
    AuditEvent.OPERATOR_CHANGED: "operator",
    AuditEvent.OPERATOR_REMOVED: "operator",
}


class Reconciled(msgspec.Struct, frozen=True):
    """What applying a blueprint did; nothing, when `noted` and `revoked` are empty."""

    digest: str
    noted: tuple[NotedChange, ...]
    revoked: tuple[tuple[SelectorKind, str], ...]

    @property
    def changed(self) -> bool:
        """Say whether anything was written."""
        return bool(self.noted or self.revoked)

    def count(self, events: frozenset[AuditEvent]) -> int:
        """Return how many objects had one of these things happen to them."""
        return sum(change.event in events for change in self.noted)

    def __str__(self) -> str:
        """Return one line for a log."""
        if not self.changed:
            return "blueprint applied: nothing to change"
        added, removed = self.count(_ADDED), self.count(_REMOVED)
        changed = len(self.noted) - added - removed
        return (
            f"blueprint applied: {added} added, {changed} changed, {removed} removed,"
            f" {len(self.revoked)} revoked"
        )


async def reconcile(
    loaded: LoadedBlueprint,
    *,
    issuer: IssuerUrl,
    store: Store,
    bus: Bus,
    clock: Clock,
    trace: TraceId,
    events: Events = UNHEARD,
) -> Reconciled:
    """Apply a blueprint to an issuer that exists.

    Raises BlueprintError, with nothing written, when it declares another issuer or an id that
    another origin holds; Overloaded and StoreUnavailable. Keys are not made here: ask
    `KeyRollover.ensure` afterwards.
    """
    if loaded.declared.issuer.url != issuer:
        wrong = Problem(
            path="issuer.url",
            expected=f"the issuer that is served, {describe(issuer)}",
            found=describe(loaded.declared.issuer.url),
            hint="another issuer needs the authority to be started again",
        )
        raise BlueprintError([wrong])
    act = Act(actor=ACTOR, trace=trace)
    for _ in range(_ATTEMPTS):
        now = clock.now()
        # The directory first: the plan holds only while nothing has moved since.
        sighted = await store.directory(issuer)
        clients = await _all_clients(store, issuer)
        difference = declared_changes(loaded, sighted.value, clients, now=now)
        done = Reconciled(loaded.digest, difference.noted, difference.revoked)
        if not difference.changes:
            return done
        index = index_directory(sighted.value)
        revocations = tuple(
            class_revocation(issuer, kind, value, directory=index, now=now)
            for kind, value in difference.revoked
        )
        plan = RevokePlan(
            issuer=issuer,
            asked_at=now,
            revocations=revocations,
            changes=difference.changes,
            directory=sighted.directory,
            audit=(
                *_entries(done, act, issuer=issuer, now=now),
                *(
                    act.revocation_entry(kind, value, revocation, issuer=issuer, at=now)
                    for (kind, value), revocation in zip(
                        difference.revoked, revocations, strict=True
                    )
                ),
            ),
        )
        if isinstance(await store.revoke(plan), Revoked):
            bus.announce(issuer)
            for kind, _value in difference.revoked:
                events.count(Counted.REVOKED, kind=kind.value)
            return done
    raise overtaken("applying a blueprint")


async def _all_clients(store: Store, issuer: IssuerUrl) -> tuple[Client, ...]:
    clients: list[Client] = []
    while True:
        after = clients[-1].id if clients else None
        page = await store.list_clients(issuer, after=after, limit=_PAGE)
        clients.extend(page)
        if len(page) < _PAGE:
            return tuple(clients)


def _entries(
    done: Reconciled, act: Act, *, issuer: IssuerUrl, now: Instant
) -> Iterator[AuditEntry]:
    added, removed = done.count(_ADDED), done.count(_REMOVED)
    whole: dict[str, str | int] = {
        "blueprint": done.digest,
        "added": added,
        "changed": len(done.noted) - added - removed,
        "removed": removed,
    }
    yield act.entry(AuditEvent.BLUEPRINT_APPLIED, issuer=issuer, at=now, detail=whole)
    for change in done.noted:
        detail: dict[str, str | int] = {_ID_OF[change.event]: change.id}
        if change.fields:
            detail["fields"] = " ".join(change.fields)
        yield act.entry(change.event, issuer=issuer, at=now, detail=detail)
