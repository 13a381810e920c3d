"""A service that knows nothing of Tokenry: PyJWT, the JWKS, issuer and audience.

Run as `python -m support.pyjwt_service PORT JWKS_URI ISSUER AUDIENCE`.
"""

import http.server
import sys

import jwt


def serve(port: int, jwks_uri: str, issuer: str, audience: str) -> None:
    keys = jwt.PyJWKClient(jwks_uri)

    class Service(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/ready":
                self._answer(200)
                return
            token = self.headers.get("authorization", "").removeprefix("Bearer ")
            try:
                key = keys.get_signing_key_from_jwt(token).key
                jwt.decode(token, key, algorithms=["ES256"], audience=audience, issuer=issuer)
            except jwt.PyJWTError:
                self._answer(401)
            else:
                self._answer(200)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", port), Service).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), *sys.argv[2:])
