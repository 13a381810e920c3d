"""The admin application: every path, its methods, and the duty that each needs."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tokenry.authority.clients import Clients
from tokenry.authority.evidence import Evidence
from tokenry.authority.feed_positions import FeedPositions
from tokenry.authority.key_rollover import KeyRollover
from tokenry.authority.operators import Operators
from tokenry.authority.revocation import Revocations
from tokenry.ports.events import Events
from tokenry.ports.store import Store
from tokenry.ports.surroundings import Clock
from tokenry.vocabulary.identifiers import Entropy, IssuerUrl
from tokenry.web.admin.clients import ClientActs
from tokenry.web.admin.endpoint import AdminEndpoint, Method
from tokenry.web.admin.health import Probe, alive, metrics, readiness
from tokenry.web.admin.keys import KeyActs
from tokenry.web.admin.reading import ReadingActs
from tokenry.web.admin.refusals import AdminRefusals
from tokenry.web.admin.revocations import RevocationActs
from tokenry.web.errors import NotFound, answer_failure
from tokenry.web.trace import request_trace

PREFIX: Final = "/admin/v1"


class Administration(msgspec.Struct, frozen=True, kw_only=True):
    """What the admin API administers: one issuer's use cases."""

    issuer: IssuerUrl
    operators: Operators
    clients: Clients
    revocations: Revocations
    rollover: KeyRollover
    evidence: Evidence
    positions: FeedPositions


def admin_application(
    administration: Administration,
    *,
    store: Store,
    clock: Clock,
    entropy: Entropy,
    events: Events,
    not_ready_because: Callable[[], str | None],
    render_metrics: Callable[[], bytes],
    metrics_content_type: str = "text/plain; version=1.0.0; charset=utf-8",
) -> Starlette:
    """Return the application of the admin listener.

    `not_ready_because` says why /readyz should turn requests away, None when it should not.
    """
    refusals = AdminRefusals(issuer=administration.issuer, store=store, clock=clock)
    routes = [
        Route("/healthz", Probe(alive, entropy=entropy)),
        Route("/readyz", Probe(readiness(not_ready_because), entropy=entropy)),
        Route("/metrics", Probe(metrics(render_metrics, metrics_content_type), entropy=entropy)),
    ]
    routes += [
        Route(
            PREFIX + path,
            AdminEndpoint(
                methods,
                operators=administration.operators,
                refusals=refusals,
                entropy=entropy,
                events=events,
            ),
        )
        for path, methods in admin_acts(administration, store).items()
    ]

    async def not_found(request: Request, _error: Exception) -> Response:
        trace = request_trace(request.scope["headers"], entropy)
        answer = answer_failure(NotFound(because="no such path"), trace=trace)
        response = Response(answer.body, answer.status)
        response.raw_headers[:0] = list(answer.headers)
        return response

    application = Starlette(routes=routes, exception_handlers={404: not_found})
    # A path is served as it is written or not at all.
    application.router.redirect_slashes = False
    return application


def admin_acts(administration: Administration, store: Store) -> Mapping[str, Mapping[str, Method]]:
    """Return every act by path and method; each names the duty it needs."""
    clients = ClientActs(issuer=administration.issuer, clients=administration.clients, store=store)
    revocations = RevocationActs(revocations=administration.revocations)
    keys = KeyActs(issuer=administration.issuer, store=store, rollover=administration.rollover)
    reading = ReadingActs(
        issuer=administration.issuer,
        evidence=administration.evidence,
        positions=administration.positions,
    )
    return {
        "/issuer": {"GET": Method("issuer.show", None, reading.issuer)},
        "/revocations": {"POST": Method("revoke", "revoke", revocations.revoke)},
        "/clients": {
            "GET": Method("client.list", "clients", clients.page),
            "POST": Method("client.add", "clients", clients.add),
        },
        "/clients/{client_id}": {
            "GET": Method("client.show", "clients", clients.show),
            "DELETE": Method("client.remove", "clients", clients.remove),
        },
        "/clients/{client_id}/suspend": {
            "POST": Method("client.suspend", "clients", clients.suspend)
        },
        "/clients/{client_id}/resume": {"POST": Method("client.resume", "clients", clients.resume)},
        "/clients/{client_id}/rotate-secret": {
            "POST": Method("client.rotate_secret", "clients", clients.rotate_secret)
        },
        "/resource-servers": {
            "GET": Method("resource_server.list", "clients", clients.resource_servers)
        },
        "/keys": {"GET": Method("key.list", "keys", keys.all)},
        "/keys/rotate": {"POST": Method("key.rotate", "keys", keys.rotate)},
        "/audit": {"GET": Method("audit.read", "audit", reading.audit)},
        "/feed/records": {"GET": Method("feed.records", "feed", reading.records)},
        "/feed/positions": {"GET": Method("feed.positions", "feed", reading.positions)},
    }
