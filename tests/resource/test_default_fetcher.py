"""The default HTTP client: credentials stay on their way, and every fault is FetchFailed (G-8)."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from support.background import soon
from support.requirement import requirement
from tokenry.resource.http_client import BodyTooLarge, Credentials, FetchFailed
from tokenry.resource.httpx_fetcher import HttpxFetcher

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\norigin"
HEADERS = {"authorization": Credentials("orders", "secret").authorization()}


@pytest.fixture
async def fetcher():
    fetcher = HttpxFetcher()
    yield fetcher
    await fetcher.close()


@asynccontextmanager
async def listening(seen, *, host="127.0.0.1", answer=ANSWER):
    """Serve one answer per connection; yields the port."""

    async def serve(reader, writer):
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, host)
    async with server:
        yield server.sockets[0].getsockname()[1]


@requirement("G-7")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_credentials_for_loopback_do_not_pass_by_a_proxy(host, monkeypatch):
    address = "::1" if host == "[::1]" else "127.0.0.1"
    if address == "::1":
        try:
            socket.create_server((address, 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
    by_proxy, direct = [], []
    async with listening(by_proxy) as proxy, listening(direct, host=address) as port:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        fetcher = HttpxFetcher()
        answer = await fetcher.get(f"http://{host}:{port}/", headers=HEADERS, limit=100)
        await fetcher.close()
    assert answer.body == b"origin"
    assert by_proxy == []
    assert HEADERS["authorization"].encode() in direct[0]


@requirement("G-8")
async def test_another_host_still_goes_by_the_proxy_of_the_environment(monkeypatch):
    by_proxy = []
    async with listening(by_proxy) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy}")
        fetcher = HttpxFetcher()
        await fetcher.get("http://issuer.test/", headers={}, limit=100)
        await fetcher.close()
    assert by_proxy[0].startswith(b"GET http://issuer.test/ ")


@requirement("G-8")
@pytest.mark.parametrize(
    "url", ["https://host:99999/jwks", "https://ho st/jwks", "http://127.0.0.1:9/\x00"]
)
async def test_a_url_that_cannot_be_used_is_a_failed_fetch(url, fetcher):
    with pytest.raises(FetchFailed):
        await fetcher.get(url, headers={}, limit=100)
    with pytest.raises(FetchFailed):
        async with fetcher.stream(url, headers={}):
            pytest.fail("there was an answer")


@requirement("G-8")
async def test_a_fetcher_that_was_closed_fails_to_fetch(fetcher):
    await fetcher.close()
    with pytest.raises(FetchFailed):
        await fetcher.get("http://127.0.0.1:9/", headers={}, limit=100)
    with pytest.raises(FetchFailed):
        async with fetcher.stream("http://127.0.0.1:9/", headers={}):
            pytest.fail("there was an answer")


@requirement("G-8")
async def test_a_body_beyond_its_bound_is_not_read_further(fetcher):
    async with listening([]) as port:
        with pytest.raises(BodyTooLarge):
            await fetcher.get(f"http://127.0.0.1:{port}/", headers={}, limit=5)


@requirement("G-8")
async def test_a_stream_hands_on_chunks_and_leaves_its_readers_errors_alone(fetcher):
    seen = []
    async with listening(seen) as port:
        url = f"http://127.0.0.1:{port}/feed"
        async with fetcher.stream(url, headers={}) as answer:
            assert b"".join([chunk async for chunk in answer.chunks]) == b"origin"
        with pytest.raises(RuntimeError, match="of the reader"):
            async with fetcher.stream(url, headers={}):
                raise RuntimeError("of the reader")
        await soon(lambda: len(seen) == 2)


@requirement("G-8")
async def test_a_stream_that_breaks_is_a_failed_fetch(fetcher):
    cut = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort"
    async with (
        listening([], answer=cut) as port,
        fetcher.stream(f"http://127.0.0.1:{port}/", headers={}) as answer,
    ):
        with pytest.raises(FetchFailed):
            assert [chunk async for chunk in answer.chunks] == [b"short"]


@requirement("G-8")
async def test_the_certificate_authorities_are_read_once_in_a_process(fetcher, monkeypatch):
    def read_again(*_args, **_options):
        pytest.fail("read again")

    monkeypatch.setattr("ssl.SSLContext.load_verify_locations", read_again)
    await HttpxFetcher().close()
