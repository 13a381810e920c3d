"""The request that protected services get: what a browser behind a gateway sends, and a token."""

from tokenry.resource import PresentedRequest

PATH = "/orders"
HEADERS = {
    "host": "orders.example",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "application/json, text/plain, */*",
    "accept-language": "en-GB,en;q=0.8,de;q=0.6",
    "accept-encoding": "gzip, deflate, br",
    "cache-control": "no-cache",
    "x-request-id": "7f1d0a3e5b9c4e6f8a2b1c3d4e5f6071",
}
"""Besides Authorization, which comes last: all of them are looked through."""


def on_the_wire(token: str) -> bytes:
    """As HTTP/1.1."""
    headers = {**HEADERS, "authorization": f"Bearer {token}"}
    lines = [f"GET {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def presented(token: str) -> PresentedRequest:
    """As an ASGI server hands it over."""
    headers = {**HEADERS, "authorization": f"Bearer {token}"}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return PresentedRequest("GET", f"https://orders.example{PATH}", pairs, peer_address="127.0.0.1")
