import asyncio
import gzip
import socket
import ssl
import tracemalloc
from collections.abc import Iterator

import pytest

from bff.catalog.model import Request
from bff.downstream.outcome import Reason, Verdict
from tests.downstream.calls import a_server, calling, outcome_of
from tests.downstream.server import Exchange, Script

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 OK\r\n"
NEVER = 3600.0


def sending(*parts: bytes) -> Script:
    """Sends that and closes the connection."""

    async def script(exchange: Exchange) -> None:
        for part in parts:
            await exchange.send(part)
        exchange.close()

    return script


async def hang(_exchange: Exchange) -> None:
    await asyncio.sleep(NEVER)


async def hang_in_the_body(exchange: Exchange) -> None:
    await exchange.send(HEAD + b"Content-Length: 9\r\n\r\n[1")
    await asyncio.sleep(NEVER)


async def hang_in_a_body_without_an_end(exchange: Exchange) -> None:
    await exchange.send(HEAD + b"\r\n[1]")
    await asyncio.sleep(NEVER)


async def drip(exchange: Exchange) -> None:
    await exchange.send(HEAD + b"Content-Length: 100000\r\n\r\n")
    while True:
        await exchange.send(b" ")
        await asyncio.sleep(0.01)


async def drip_headers(exchange: Exchange) -> None:
    await exchange.send(HEAD)
    while True:
        await exchange.send(b"X-Header: y\r\n")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("script", [hang, hang_in_the_body, hang_in_a_body_without_an_end, drip, drip_headers])
async def test_the_time_of_a_whole_call_is_bounded_however_the_answer_trickles(script: Script) -> None:
    outcome = await outcome_of(script, timeout_seconds=0.5, expected_seconds=0.1)
    assert (outcome.verdict, outcome.reason) == (Verdict.UNKNOWN, Reason.TIMEOUT)
    assert outcome.milliseconds >= 490


async def test_the_second_call_over_a_connection_has_a_time_of_its_own() -> None:
    """Be it shorter than that of the first, or longer."""
    waits = iter([0.0, NEVER, 0.0, 0.8])

    async def slower(exchange: Exchange) -> None:
        await asyncio.sleep(next(waits))
        await exchange.answer(b"{}")

    async with a_server(slower) as (server, perform):
        outcomes = [await perform(timeout_seconds=seconds) for seconds in (10, 0.5, 0.5, 10)]
    assert [outcome.verdict for outcome in outcomes] == [
        Verdict.SUCCEEDED, Verdict.UNKNOWN, Verdict.SUCCEEDED, Verdict.SUCCEEDED,
    ]  # fmt: skip
    assert outcomes[1].reason is Reason.TIMEOUT
    assert outcomes[1].milliseconds < 5000
    assert server.connections == 2


async def test_a_call_of_a_job_without_time_left_is_not_sent() -> None:
    async with a_server(hang) as (server, perform):
        for remaining in (0, -1):
            outcome = await perform(timeout_seconds=remaining)
            assert (outcome.verdict, outcome.reason) == (Verdict.UNREACHED, Reason.TIMEOUT)
    assert server.connections == 0


async def reset(exchange: Exchange) -> None:
    exchange.reset()


async def reset_in_the_body(exchange: Exchange) -> None:
    await exchange.send(HEAD + b"Content-Length: 9\r\n\r\n[1")
    exchange.reset()


async def endless_headers(exchange: Exchange) -> None:
    await exchange.send(HEAD)
    while True:
        await exchange.send(b"X-Header: " + b"y" * 1000 + b"\r\n")


async def one_endless_header(exchange: Exchange) -> None:
    await exchange.send(HEAD + b"X-Header: ")
    while True:
        await exchange.send(b"y" * 10_000)


async def endless_trailers(exchange: Exchange) -> None:
    await exchange.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n")
    while True:
        await exchange.send(b"X-Trailer: " + b"y" * 1000 + b"\r\n")


async def one_endless_trailer(exchange: Exchange) -> None:
    await exchange.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\nX-Trailer: ")
    while True:
        await exchange.send(b"y" * 10_000)


BREAKING_OFF = {
    "reset": reset,
    "reset in the body": reset_in_the_body,
    "endless headers": endless_headers,
    "one endless header": one_endless_header,
    "endless trailers": endless_trailers,
    "one endless trailer": one_endless_trailer,
    "closed": sending(),
    "closed in the status line": sending(b"HTTP/1.1 200"),
    "short body": sending(HEAD + b"Content-Length: 9\r\n\r\n[1]"),
    "no last chunk": sending(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n"),
    "chunk of garbage": sending(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n[1]\r\n"),
    "negative length": sending(HEAD + b"Content-Length: -1\r\n\r\n[1]"),
    "two lengths": sending(HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n[1] "),
    "a status that is none": sending(
        b"HTTP/1.1 099 No\r\nContent-Length: 3\r\n\r\n[1," + HEAD + b"Content-Length: 2\r\n\r\n2]"
    ),
    "another protocol": sending(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "binary garbage": sending(b"\x16\x03\x01\x00\xff" * 50),
}


@pytest.mark.parametrize("script", BREAKING_OFF.values(), ids=BREAKING_OFF)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_answer_that_breaks_off_or_is_no_http_leaves_the_outcome_unknown(script: Script, method: str) -> None:
    async with a_server(script) as (server, perform):
        outcome = await perform(Request(method, "/charge"))
    assert (outcome.verdict, outcome.reason) == (Verdict.UNKNOWN, Reason.CONNECTION_BROKEN)
    assert len(server.received) == 1


@pytest.mark.parametrize("body", [b"<html>", b'{"a": NaN}', b"[1e999]", b'"\xff"', b"[" * 101 + b"]" * 101])
async def test_a_success_that_is_no_strict_json_leaves_the_outcome_unknown(body: bytes) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(body)

    outcome = await outcome_of(script)
    assert (outcome.verdict, outcome.reason, outcome.http_status) == (Verdict.UNKNOWN, Reason.NOT_JSON, 200)
    assert outcome.data is None


async def test_a_gzip_bomb_is_never_inflated() -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024))

    async def script(exchange: Exchange) -> None:
        await exchange.answer(bomb, "200 OK", "Content-Encoding: gzip")

    tracemalloc.start()
    outcome = await outcome_of(script)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (outcome.verdict, outcome.reason) == (Verdict.UNKNOWN, Reason.NOT_JSON)
    assert peak_bytes < 4 * 1024 * 1024


async def endless_body(exchange: Exchange) -> None:
    await exchange.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        await exchange.send(b"10000\r\n" + b" " * 65_536 + b"\r\n")


async def just_too_long(exchange: Exchange) -> None:
    await exchange.answer(b'"' + b"a" * 999 + b'"')


@pytest.mark.parametrize("script", [endless_body, just_too_long])
async def test_an_answer_above_the_limit_is_not_read_to_its_end(script: Script) -> None:
    outcome = await outcome_of(script, max_response_bytes=1_000)
    assert (outcome.verdict, outcome.reason) == (Verdict.UNKNOWN, Reason.TOO_LARGE)


async def test_an_answer_at_the_limit_is_read() -> None:
    assert (await outcome_of(just_too_long, max_response_bytes=1_001)).verdict is Verdict.SUCCEEDED


async def test_a_refusal_stands_though_its_body_never_comes() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n")
        await asyncio.sleep(NEVER)

    outcome = await outcome_of(script)
    assert (outcome.verdict, outcome.http_status) == (Verdict.REFUSED, 404)


async def test_a_refusal_stands_though_its_body_never_ends_and_little_of_it_is_read() -> None:
    sent_bytes = 0

    async def script(exchange: Exchange) -> None:
        nonlocal sent_bytes
        await exchange.send(b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await exchange.send(b"10000\r\n" + b" " * 65_536 + b"\r\n")
            sent_bytes += 65_536

    outcome = await outcome_of(script)
    assert (outcome.verdict, outcome.http_status) == (Verdict.REFUSED, 404)
    # What sockets and buffers hold on the way is in it.
    assert sent_bytes < 10_000_000


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port whose queue of connections is full, so that the next one is never made."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        address = listening.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        yield address[1]
        for filler in fillers:
            filler.close()


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


async def test_a_refused_connection_reached_nobody(closed_port: int) -> None:
    async with calling(f"http://127.0.0.1:{closed_port}") as perform:
        outcome = await perform()
    assert (outcome.verdict, outcome.reason) == (Verdict.UNREACHED, Reason.CONNECTION_FAILED)


async def test_time_up_while_connecting_reached_nobody(silent_port: int) -> None:
    async with calling(f"http://127.0.0.1:{silent_port}", timeout_seconds=0.3) as perform:
        outcome = await perform()
    assert (outcome.verdict, outcome.reason) == (Verdict.UNREACHED, Reason.TIMEOUT)


async def test_a_host_that_stays_silent_is_given_up_before_the_time_is_up(
    silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bff.downstream.transport.CONNECT_SECONDS", 0.2)
    async with calling(f"http://127.0.0.1:{silent_port}") as perform:
        outcome = await perform()
    assert (outcome.verdict, outcome.reason) == (Verdict.UNREACHED, Reason.CONNECTION_FAILED)


async def test_time_up_while_all_connections_are_in_use_reached_nobody() -> None:
    arrived = asyncio.Event()

    async def script(_exchange: Exchange) -> None:
        arrived.set()
        await asyncio.sleep(NEVER)

    async with a_server(script, max_concurrency=1) as (server, perform):
        first = asyncio.create_task(perform())
        await arrived.wait()
        outcome = await perform(timeout_seconds=0.2)
        assert (outcome.verdict, outcome.reason) == (Verdict.UNREACHED, Reason.TIMEOUT)
        first.cancel()
    assert len(server.received) == 1


@pytest.mark.parametrize("host", ["payments.internal", "xn--ls8h.internal"])  # of the second, httpx knows no letters
async def test_a_name_that_is_not_found_reached_nobody(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    async def getaddrinfo(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with calling(f"http://{host}") as perform:
        outcome = await perform()
    assert (outcome.verdict, outcome.reason) == (Verdict.UNREACHED, Reason.CONNECTION_FAILED)


async def test_a_failed_tls_handshake_reached_nobody() -> None:
    async def speak_plainly(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"no TLS here\r\n")
        writer.close()

    async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with calling(f"https://127.0.0.1:{port}") as perform:
            outcome = await perform()
    assert (outcome.verdict, outcome.reason) == (Verdict.UNREACHED, Reason.CONNECTION_FAILED)


async def test_a_certificate_that_nobody_trusts_reached_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def create_connection(*_: object, sock: socket.socket, **__: object) -> None:
        sock.close()
        raise ssl.SSLCertVerificationError("self-signed certificate")

    async with a_server(hang) as (server, _):
        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", create_connection)
        async with calling(f"https://127.0.0.1:{server.port}") as perform:
            outcome = await perform()
    assert (outcome.verdict, outcome.reason) == (Verdict.UNREACHED, Reason.CONNECTION_FAILED)


async def test_a_service_that_hangs_leaves_the_connections_of_another_alone() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.answer(b"1")

    async with a_server(hang, max_concurrency=1) as (_, hanging), a_server(answer) as (_, answering):
        waiting = asyncio.create_task(hanging())
        assert (await answering()).verdict is Verdict.SUCCEEDED
        waiting.cancel()
