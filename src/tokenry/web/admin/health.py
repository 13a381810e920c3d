"""For machines that watch: /healthz, /readyz and /metrics, without authentication."""

from collections.abc import Callable
from typing import Final

from starlette.types import Receive, Scope, Send

from tokenry.vocabulary.identifiers import Entropy
from tokenry.web.body import JSON, NO_STORE, Answer, json_answer, send_answer
from tokenry.web.errors import MethodNotAllowed, answer_failure
from tokenry.web.trace import request_trace

_PROBE: Final = (JSON, NO_STORE)


class Probe:
    """Answers GET and HEAD with what a function says; never touches the store itself."""

    def __init__(self, answer: Callable[[], Answer], *, entropy: Entropy) -> None:
        self._answer = answer
        self._entropy = entropy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = self._answer_to(scope["method"])
        except Exception as failure:  # noqa: BLE001 # rendered here, as for every listener
            trace = request_trace(scope["headers"], self._entropy)
            answer = answer_failure(failure, trace=trace)
        await send_answer(send, answer, head=scope["method"] == "HEAD")

    def _answer_to(self, method: str) -> Answer:
        if method not in {"GET", "HEAD"}:
            raise MethodNotAllowed(because=method, allow=b"GET, HEAD")
        return self._answer()


def alive() -> Answer:
    """Say that the process lives and its event loop turns."""
    return json_answer(200, {"status": "alive"}, _PROBE)


def readiness(not_ready_because: Callable[[], str | None]) -> Callable[[], Answer]:
    """Return what says whether requests should come here now."""

    def answer() -> Answer:
        because = not_ready_because()
        if because is None:
            return json_answer(200, {"status": "ready"}, _PROBE)
        return json_answer(503, {"status": "not ready", "because": because}, _PROBE)

    return answer


def metrics(render: Callable[[], bytes], content_type: str) -> Callable[[], Answer]:
    """Return what renders metrics."""
    headers = ((b"content-type", content_type.encode("ascii")), NO_STORE)
    return lambda: Answer(200, headers, render())
