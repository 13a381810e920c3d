"""A service behind TokenryMiddleware, as bare as its peer on node:http: it names the subject.

Run with uvicorn, httptools and uvloop. What it verifies with comes from its environment.
"""

import os
import sys

import msgspec
import uvicorn

from tokenry.resource import Verifier
from tokenry.resource.adapters.asgi import TOKEN, TokenryMiddleware

ENCODE = msgspec.json.Encoder().encode


async def application(scope, receive, send):
    body = ENCODE({"subject": scope[TOKEN].subject})
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    verifier = Verifier(
        issuer=os.environ["BENCH_ISSUER"],
        audience=os.environ["BENCH_AUDIENCE"],
        credentials=("orders", os.environ["BENCH_SECRET"]),
    )
    uvicorn.run(
        TokenryMiddleware(application, verifier=verifier),
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
