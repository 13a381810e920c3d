"""The least that could answer a token request: parse the form, check the secret, sign, answer JSON.

The yardstick of P-1. It stores nothing, audits nothing, checks no scope and no audience; whatever
Tokenry does beyond it is measured as the ratio to this. Run with uvicorn, httptools and uvloop.
"""

import base64
import hmac
import os
import sys
import time
from hashlib import sha256
from urllib.parse import parse_qsl

import jwt
import msgspec
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec

KEY = ec.generate_private_key(ec.SECP256R1())
SECRETS = {"bench": sha256(os.environ.get("BENCH_SECRET", "").encode()).digest()}
ENCODE = msgspec.json.Encoder().encode


def _segment(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


HEADER = _segment(b'{"alg":"ES256","kid":"reference","typ":"at+jwt"}') + b"."
_ES256 = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)


def sign(claims: dict[str, object]) -> str:
    to_sign = HEADER + _segment(ENCODE(claims))
    return (to_sign + b"." + _segment(_ES256.sign(to_sign, KEY))).decode()


async def application(scope, receive, send):
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message.get("more_body"):
            break
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    authorization = dict(scope["headers"])[b"authorization"]
    client, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
    known = SECRETS.get(client)
    if known is None or not hmac.compare_digest(known, sha256(secret.encode()).digest()):
        status, answer = 401, {"error": "invalid_client"}
    else:
        now = int(time.time())
        claims = {
            "iss": "http://127.0.0.1",
            "sub": client,
            "aud": form["resource"],
            "client_id": client,
            "scope": form["scope"],
            "iat": now,
            "exp": now + 300,
            "jti": os.urandom(16).hex(),
        }
        status = 200
        answer = {
            "access_token": sign(claims),
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": form["scope"],
        }
    data = ENCODE(answer)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"cache-control", b"no-store"),
                (b"content-length", str(len(data)).encode()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": data})


if __name__ == "__main__":
    uvicorn.run(
        application,
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
