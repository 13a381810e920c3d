"""What happens in the demo, step by step; each step says what should happen and what did."""

import base64
import http.client
import os
import time
import urllib.parse
from collections.abc import Iterator
from http import HTTPStatus

import msgspec

from tokenry.demo.measuring import Answer, Refusal, ask, measure_refusals
from tokenry.demo.stage import SERVICES, Stage
from tokenry.jose import attach, header_segment, signing_input
from tokenry.vocabulary.claims import CLIENT_CREDENTIALS, JWT_BEARER_ASSERTION
from tokenry.vocabulary.identifiers import new_handle

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_EXPIRED_SECONDS = 1.2


class Step(msgspec.Struct, frozen=True):
    """One step: `as_told` says whether what happened is what was told."""

    title: str
    told: str
    happened: str
    as_told: bool
    measured: tuple[Refusal, ...] = ()


class Story:
    """Tells the steps against a running stage, in order; a step that goes wrong ends nothing."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._public = http.client.HTTPConnection("127.0.0.1", stage.public_port, timeout=10)
        self._admin = http.client.HTTPConnection("127.0.0.1", stage.admin_port, timeout=10)

    def steps(self) -> Iterator[Step]:
        """Yield each step as it has happened."""
        token = self._token("shop", "orders")
        yield self._accepted(token)
        yield self._wrong_service(token)
        yield self._replayed_assertion()
        yield self._expired()
        yield self._client_revoked()
        yield self._subject_revoked()
        yield self._tokens_revoked()
        yield self._still_served()

    def close(self) -> None:
        """Close the story's own connections."""
        self._public.close()
        self._admin.close()

    def _accepted(self, token: str) -> Step:
        answer = self._ask("orders", token)
        return Step(
            "The shop gets a token for orders, and orders accepts it",
            "200, verified inside the service, without a call to the authority",
            f"{answer.status} {answer.body.decode()}",
            answer.status == HTTPStatus.OK,
        )

    def _wrong_service(self, token: str) -> Step:
        answer = self._ask("payments", token)
        return Step(
            "The same token is shown to payments",
            "401: a token for one service never opens another",
            f"{answer.status} {answer.challenge}",
            answer.status == HTTPStatus.UNAUTHORIZED and "invalid_token" in answer.challenge,
        )

    def _replayed_assertion(self) -> Step:
        form = self._robot_form()
        first = self._post_form("/token", form)
        second = self._post_form("/token", form)
        return Step(
            "The robot signs in with an assertion, and somebody sends the same assertion again",
            "the first gets a token; the second gets invalid_client",
            f"{first.status}, then {second.status} {_error_of(second)}",
            first.status == HTTPStatus.OK and _error_of(second) == "invalid_client",
        )

    def _expired(self) -> Step:
        token = self._token("shop", "orders", scope="orders.glance")
        while_valid = self._ask("orders", token)
        time.sleep(_EXPIRED_SECONDS)
        answer = self._ask("orders", token)
        return Step(
            "A token that lives one second is used at once, and again after it has expired",
            "200, then 401 with a challenge that says it has expired",
            f"{while_valid.status}, then {answer.status} {answer.challenge}",
            while_valid.status == HTTPStatus.OK
            and answer.status == HTTPStatus.UNAUTHORIZED
            and "invalid_token" in answer.challenge
            and "expired" in answer.challenge,
        )

    def _client_revoked(self) -> Step:
        tokens = {name: self._token("shop", name) for name in SERVICES}
        return self._revoked(
            "The operator revokes the client shop: every token it holds, everywhere",
            tokens,
            {"kind": "client", "id": "shop"},
        )

    def _subject_revoked(self) -> Step:
        tokens = {name: self._token("kiosk", name) for name in SERVICES}
        return self._revoked(
            "The operator revokes a subject: every token issued for it",
            tokens,
            {"kind": "subject", "id": "kiosk"},
        )

    def _tokens_revoked(self) -> Step:
        measured: list[Refusal] = []
        for name in SERVICES:
            token = self._token("shop", name)
            measured += measure_refusals(
                {name: token},
                self._stage.services,
                lambda token=token: self._revoke({"token": token}),  # type: ignore[misc] # bound now
            )
        return _refused_step("The operator revokes one token at each service", measured)

    def _still_served(self) -> Step:
        answers = [self._ask(name, self._token("shop", name)) for name in SERVICES]
        return Step(
            "The shop asks again: revoking a client ends what exists, suspending it ends the rest",
            "new tokens, accepted by both",
            ", ".join(str(answer.status) for answer in answers),
            all(answer.status == HTTPStatus.OK for answer in answers),
        )

    def _revoked(self, title: str, tokens: dict[str, str], what: dict[str, str]) -> Step:
        measured = measure_refusals(tokens, self._stage.services, lambda: self._revoke(what))
        return _refused_step(title, measured)

    def _token(self, client: str, service: str, scope: str | None = None) -> str:
        secret = self._stage.client_secrets[client]
        basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
        form = {
            "grant_type": CLIENT_CREDENTIALS,
            "resource": self._stage.services[service].url,
            "scope": scope or f"{service}.read",
        }
        answer = self._post_form("/token", form, Authorization=f"Basic {basic}")
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"no token for {client}: {answer.status} {answer.body.decode()}")
        return str(msgspec.json.decode(answer.body)["access_token"])

    def _robot_form(self) -> dict[str, str]:
        key = self._stage.robot_key
        now = int(time.time())
        claims = {
            "iss": "robot",
            "sub": "robot",
            "aud": self._stage.issuer,
            "jti": new_handle(os.urandom),
            "iat": now,
            "exp": now + 60,
        }
        header = header_segment(key.public.algorithm, key.public.kid, "client-authentication+jwt")
        to_sign = signing_input(header, msgspec.json.encode(claims))
        return {
            "grant_type": CLIENT_CREDENTIALS,
            "resource": self._stage.services["orders"].url,
            "client_assertion_type": JWT_BEARER_ASSERTION,
            "client_assertion": attach(to_sign, key.sign(to_sign)),
        }

    def _ask(self, service: str, token: str) -> Answer:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._stage.services[service].port, timeout=10
        )
        try:
            return ask(connection, token)
        finally:
            connection.close()

    def _post_form(self, path: str, form: dict[str, str], **headers: str) -> Answer:
        body = urllib.parse.urlencode(form)
        self._public.request("POST", path, body, {**_FORM, **headers})
        response = self._public.getresponse()
        return Answer(
            response.status, response.headers.get("www-authenticate", ""), response.read()
        )

    def _revoke(self, what: dict[str, str]) -> None:
        self._admin.request(
            "POST",
            "/admin/v1/revocations",
            msgspec.json.encode(what),
            {
                "Authorization": self._stage.operator_header,
                "Content-Type": "application/json",
                "Idempotency-Key": new_handle(os.urandom),
            },
        )
        response = self._admin.getresponse()
        body = response.read()
        if response.status != HTTPStatus.OK:
            raise RuntimeError(f"the revocation was refused: {response.status} {body.decode()}")


def _refused_step(title: str, measured: list[Refusal]) -> Step:
    happened = ", ".join(
        f"{each.service} refused after {each.refused_after_ms} ms"
        if each.refused_after_ms is not None
        else f"{each.service} did not refuse"
        for each in measured
    )
    return Step(
        title,
        "accepted before; refused within milliseconds of the authority's answer",
        happened,
        all(each.accepted_before and each.refused_after_ms is not None for each in measured),
        tuple(measured),
    )


def _error_of(answer: Answer) -> str:
    try:
        return str(msgspec.json.decode(answer.body).get("error", ""))
    except (msgspec.DecodeError, AttributeError):
        return ""
