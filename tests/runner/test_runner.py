"""The runner: signals stop everything in order, and nothing that came in is cut off."""

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme

from support.requirement import requirement
from tokenry import runner
from tokenry.runner import CannotListen, Listener
from tokenry.vocabulary.bounds import MAX_HEADER_BYTES


async def hello(scope, receive, send):
    await receive()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"hi"})


class Gate:
    """Answers only when opened; tells when a request has come in."""

    def __init__(self):
        self.entered = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, scope, receive, send):
        self.entered.set()
        await self.open.wait()
        await hello(scope, receive, send)


def listener(application, name="public", **more):
    return Listener(name=name, application=application, host="127.0.0.1", port=0, **more)


async def never():
    await asyncio.Event().wait()


@asynccontextmanager
async def running(
    *listeners: Listener, background=(never,), reload=None, drain=lambda: None
) -> AsyncIterator:
    ports: asyncio.Future[dict[str, int]] = asyncio.get_running_loop().create_future()

    async def nothing():
        pass

    task = asyncio.create_task(
        runner.run(
            listeners,
            background=background,
            ready=ports.set_result,
            reload=reload or nothing,
            drain=drain,
        )
    )
    done, _ = await asyncio.wait([task, ports], return_when=asyncio.FIRST_COMPLETED)
    if task in done:
        task.result()
    try:
        yield await ports, task
    finally:
        if not task.done():
            os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait([task])


async def request(
    port: int, data: bytes = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await reader.read()
    writer.close()
    return answer


async def test_each_listener_answers_on_its_own_port():
    async with running(listener(hello), listener(hello, "admin")) as (ports, _):
        assert set(ports) == {"public", "admin"}
        assert len(set(ports.values())) == 2
        for port in ports.values():
            assert (await request(port)).startswith(b"HTTP/1.1 200")


@requirement("R-70")
async def test_a_request_that_came_in_before_sigterm_is_answered():
    gate = Gate()
    async with running(listener(gate)) as (ports, task):
        asked = asyncio.create_task(request(ports["public"]))
        await gate.entered.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        gate.open.set()
        assert (await asked).endswith(b"hi")
        await task


@requirement("R-70")
async def test_background_work_outlives_the_listeners_so_that_drained_requests_can_use_it():
    gate = Gate()
    order: list[str] = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            order.append("background")

    async def answering(scope, receive, send):
        await gate(scope, receive, send)
        order.append("request")

    async with running(listener(answering), background=(work,)) as (ports, task):
        asked = asyncio.create_task(request(ports["public"]))
        await gate.entered.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        gate.open.set()
        await asked
        await task
    assert order == ["request", "background"]


async def test_drain_ends_a_stream_that_would_never_end():
    ended = asyncio.Event()

    async def stream(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await ended.wait()
        await send({"type": "http.response.body", "body": b"last"})

    async with running(listener(stream), drain=ended.set) as (ports, task):
        reader, writer = await asyncio.open_connection("127.0.0.1", ports["public"])
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"first")
        os.kill(os.getpid(), signal.SIGTERM)
        assert b"last" in await reader.read()
        writer.close()
        await task


async def test_background_work_that_fails_stops_everything_and_is_told():
    async def broken():
        raise RuntimeError("the ticker broke")

    with pytest.raises(RuntimeError, match="the ticker broke"):
        async with running(listener(hello), background=(broken,)) as (_, task):
            await task


async def test_sighup_reloads_and_goes_on_serving():
    reloaded = asyncio.Event()

    async def reload():
        reloaded.set()

    async with running(listener(hello), reload=reload) as (ports, _):
        os.kill(os.getpid(), signal.SIGHUP)
        await reloaded.wait()
        assert (await request(ports["public"])).startswith(b"HTTP/1.1 200")


async def test_a_taken_port_is_named_with_the_setting_that_changes_it():
    async with running(listener(hello)) as (ports, _):
        taken = Listener(name="admin", application=hello, host="127.0.0.1", port=ports["public"])
        with pytest.raises(CannotListen, match=r"admin listener .* \[listeners\.admin\]"):
            runner.bind(taken)


@requirement("G-8")
@pytest.mark.parametrize(
    "endless",
    [
        b"GET / HTTP/1.1\r\nx: " + b"a" * (MAX_HEADER_BYTES + 200_000),
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * (MAX_HEADER_BYTES // 2),
        b"GET /" + b"a" * (MAX_HEADER_BYTES + 200_000),
    ],
    ids=["one header", "many headers", "path"],
)
async def test_a_head_without_end_is_refused_before_it_is_held(endless: bytes):
    async with running(listener(hello)) as (ports, _):
        answer = b""
        try:
            answer = await request(ports["public"], endless)
        except ConnectionResetError:
            answer = b"HTTP/1.1 431"  # closed with our data unread: refused all the same
        assert answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


@requirement("R-15")
async def test_tls_listeners_speak_tls_1_3_and_nothing_older(tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    for part in certificate.cert_chain_pems:
        part.write_to_path(chain, append=True)
    certificate.private_key_pem.write_to_path(key)
    tls = listener(hello, certificate=str(chain), key=str(key))
    async with running(tls) as (ports, _):
        modern = ssl.create_default_context()
        authority.configure_trust(modern)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", ports["public"], ssl=modern, server_hostname="localhost"
        )
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"hi")
        writer.close()
        older = ssl.create_default_context()
        authority.configure_trust(older)
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection(
                "127.0.0.1", ports["public"], ssl=older, server_hostname="localhost"
            )


def test_a_certificate_that_cannot_be_used_is_named(tmp_path):
    tls = listener(hello, certificate=str(tmp_path / "c.pem"), key=str(tmp_path / "k.pem"))
    with pytest.raises(CannotListen, match=r"c\.pem .*k\.pem.*must be readable PEM"):
        runner.tls_context(tls)
