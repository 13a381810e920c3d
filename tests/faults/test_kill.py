"""`kill -9` under load: whatever was answered is there afterwards (G-4)."""

import http.client
import signal
import threading
from collections.abc import Iterator

import jwt
import pytest

from support.live import LiveAuthority, write_live
from support.requirement import requirement

WORKERS = 6
ANSWERS_BEFORE_THE_KILL = 150


@pytest.fixture
def live(tmp_path) -> Iterator[LiveAuthority]:
    authority = write_live(tmp_path)
    with authority.processes:
        authority.start()
        yield authority


class Load:
    """Workers that issue and revoke until the authority is gone, and note what was answered."""

    def __init__(self, live: LiveAuthority):
        self.live = live
        self.issued: list[dict] = []
        self.revoked: list[tuple[str, int]] = []
        self.enough = threading.Event()
        self.unexpected: list[object] = []
        self.threads = [threading.Thread(target=self._work) for _ in range(WORKERS)]

    def _work(self) -> None:
        try:
            while True:
                answer = self.live.request_token()
                if answer.status != 200:
                    self.unexpected.append(answer)
                    return
                token = answer.json["access_token"]
                claims = jwt.decode(token, options={"verify_signature": False})
                self.issued.append(claims)
                answer = self.live.revoke(token=token)
                if answer.status != 200:
                    self.unexpected.append(answer)
                    return
                self.revoked.append((token, answer.json["numbers"][0]))
                if len(self.revoked) >= ANSWERS_BEFORE_THE_KILL:
                    self.enough.set()
        except (OSError, http.client.HTTPException):
            pass  # the kill: an answer that was never read promised nothing


@requirement("G-4", "R-32")
def test_after_kill_9_every_answered_token_and_revocation_is_there(live: LiveAuthority):
    load = Load(live)
    for thread in load.threads:
        thread.start()
    assert load.enough.wait(60)
    live.stop(signal.SIGKILL)
    for thread in load.threads:
        thread.join()
    assert load.unexpected == []

    live.start()
    entries = live.audit()
    audited = {
        entry["entry"]["detail"].get("jti")
        for entry in entries
        if entry["entry"]["event"] == "token.issued"
    }
    assert {claims["jti"] for claims in load.issued} <= audited
    numbers = [number for _, number in load.revoked]
    assert len(set(numbers)) == len(numbers)
    head = live.admin("GET", "/admin/v1/issuer").json["head"]
    assert max(numbers) <= head
    for token, _ in load.revoked:
        assert live.introspect(token) == {"active": False}


@requirement("G-1", "G-4")
def test_numbers_go_on_without_a_gap_after_kill_9(live: LiveAuthority):
    before = [live.revoke(kind="jti", id=f"token-{n}").json["numbers"][0] for n in range(5)]
    live.stop(signal.SIGKILL)
    live.start()
    after = [live.revoke(kind="jti", id=f"token-{n}").json["numbers"][0] for n in range(5, 10)]
    assert before + after == list(range(before[0], before[0] + 10))


@requirement("R-32")
def test_a_clean_stop_and_a_start_keep_tokens_keys_and_revocations(live: LiveAuthority):
    kept, revoked = live.token(), live.token()
    live.revoke(token=revoked)
    assert live.stop() == 0
    live.start()
    assert live.introspect(kept)["active"] is True
    assert live.introspect(revoked) == {"active": False}
