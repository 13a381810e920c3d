"""A service of the demo: what protecting an endpoint takes, and nothing more."""

import os

import uvicorn

from tokenry.resource import Tier, TokenryMiddleware, Verifier, require
from tokenry.resource.adapters.asgi import Message, Receive, Scope, Send


def main() -> None:
    """Serve until told to stop; everything it needs to know comes from the environment."""
    name = os.environ["DEMO_NAME"]
    verifier = Verifier(
        issuer=os.environ["DEMO_ISSUER"],
        audience=os.environ["DEMO_AUDIENCE"],
        credentials=(name, os.environ["DEMO_SECRET"]),
    )

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["path"] == "/ready":
            await _answer(send, 200 if verifier.tier is Tier.FRESH else 503, b"")
            return
        token = require()(scope)
        await _answer(send, 200, f"{name} serves {token.subject}".encode())

    uvicorn.run(
        TokenryMiddleware(service, verifier=verifier, exempt={"/ready"}),
        host="127.0.0.1",
        port=int(os.environ["DEMO_PORT"]),
        access_log=False,
        log_level="warning",
    )


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message: Message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    main()
