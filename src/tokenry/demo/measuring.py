"""Times, from outside, how long a service goes on accepting a token that was taken back.

t₀ is when this process has fully read the answer that confirms the revocation. From then on the
same request is made over a kept-alive connection, at most a millisecond apart; t₁ is when the first
401 has been read. One thread per service, so that one measurement does not wait for another.
"""

import http.client
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

import msgspec

from tokenry.demo.stage import Service

_APART_SECONDS = 0.001
_GIVE_UP_SECONDS = 10.0


class Refusal(msgspec.Struct, frozen=True):
    """What one service did after t₀; milliseconds."""

    service: str
    accepted_before: bool
    refused_after_ms: float | None
    requests: int
    longest_gap_ms: float
    challenge: str


class Answer(msgspec.Struct, frozen=True):
    """The parts of an HTTP answer that the story looks at."""

    status: int
    challenge: str
    body: bytes


def ask(connection: http.client.HTTPConnection, token: str, path: str = "/") -> Answer:
    """Make one protected request on a kept-alive connection."""
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    body = response.read()
    return Answer(response.status, response.headers.get("www-authenticate", ""), body)


def measure_refusals(
    tokens: Mapping[str, str], services: Mapping[str, Service], revoke: Callable[[], None]
) -> list[Refusal]:
    """Revoke, and time until each service refuses its token.

    `tokens` maps service names to a token that it accepts; `revoke` returns when the authority's
    answer has been read.
    """
    probes = [_Probe(services[name], token) for name, token in tokens.items()]
    for probe in probes:
        probe.start()
    for probe in probes:
        probe.ready.wait(_GIVE_UP_SECONDS)
    revoke()
    t0 = time.perf_counter()
    for probe in probes:
        probe.begin(t0)
    for probe in probes:
        probe.join()
    return [probe.result for probe in probes]


class _Probe(threading.Thread):
    def __init__(self, service: Service, token: str) -> None:
        super().__init__(name=f"probe-{service.name}", daemon=True)
        self.ready = threading.Event()
        self.result = Refusal(service.name, False, None, 0, 0.0, "")
        self._service = service
        self._token = token
        self._go = threading.Event()
        self._t0 = 0.0

    def begin(self, t0: float) -> None:
        self._t0 = t0
        self._go.set()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._service.port, timeout=5)
        try:
            before = ask(connection, self._token).status == HTTPStatus.OK
            self.ready.set()
            self._go.wait(_GIVE_UP_SECONDS)
            self.result = self._watch(connection, before)
        finally:
            self.ready.set()
            connection.close()

    def _watch(self, connection: http.client.HTTPConnection, before: bool) -> Refusal:
        requests, longest_gap, sent = 0, 0.0, self._t0
        while sent - self._t0 < _GIVE_UP_SECONDS:
            now = time.perf_counter()
            longest_gap = max(longest_gap, now - sent)
            sent = now
            answer = ask(connection, self._token)
            requests += 1
            done = time.perf_counter()
            if answer.status == HTTPStatus.UNAUTHORIZED:
                return Refusal(
                    self._service.name,
                    before,
                    round((done - self._t0) * 1000, 3),
                    requests,
                    round(longest_gap * 1000, 3),
                    answer.challenge,
                )
            # What the request itself took counts towards the millisecond.
            rest = _APART_SECONDS / 2 - (done - sent)
            if rest > 0:
                time.sleep(rest)
        return Refusal(self._service.name, before, None, requests, round(longest_gap * 1000, 3), "")
