"""Drive an ASGI application directly: one request in, one whole answer out."""

from base64 import b64encode
from urllib.parse import quote_plus, urlencode

import msgspec


class Answer(msgspec.Struct):
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def json(self):
        return msgspec.json.decode(self.body)

    def header(self, name):
        """Return the one value of a header field, None when it is absent."""
        values = [value for each, value in self.headers if each == name.encode()]
        assert len(values) <= 1, values
        return values[0].decode() if values else None


def basic(name, secret):
    return "Basic " + b64encode(f"{quote_plus(name)}:{quote_plus(secret)}".encode()).decode()


async def request(
    app, method, path, *, body=b"", headers=(), peer=("127.0.0.1", 5000), chunks=None
) -> Answer:
    waiting = [body] if chunks is None else list(chunks)
    sent = []

    async def receive():
        if not waiting:
            return {"type": "http.disconnect"}
        chunk = waiting.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": peer,
        "scheme": "http",
        "query_string": b"",
    }
    await app(scope, receive, send)
    if not sent:
        return None
    start, *parts = sent
    assert start["type"] == "http.response.start"
    assert all(part["type"] == "http.response.body" for part in parts)
    return Answer(
        start["status"], start["headers"], b"".join(part.get("body", b"") for part in parts)
    )


async def post(app, path, form, *, authorization=None, headers=(), **options) -> Answer:
    """Post a form: a dict, pairs, or bytes as they are."""
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    fields = [("content-type", "application/x-www-form-urlencoded"), *headers]
    if authorization is not None:
        fields.append(("authorization", authorization))
    return await request(app, "POST", path, body=body, headers=fields, **options)
