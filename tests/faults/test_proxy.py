"""The proxy breaks what it is told to break, and nothing else."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from tests.faults.proxy import Proxy, proxy_to

pytestmark = pytest.mark.anyio


@dataclass
class Echo:
    """Sends back every line; `heard` are those that came."""

    heard: list[bytes] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self.heard.append(line)
                self.came.set()
                writer.write(line)
        except ConnectionError:
            pass
        finally:
            writer.close()


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def says(self, line: bytes) -> bytes:
        self.writer.write(line)
        return await self.reader.readline()

    async def gets_nothing(self) -> bool:
        """A tenth of a second is enough: what is not held is there within a millisecond."""
        with anyio.move_on_after(0.1) as waited:
            await self.reader.read(1)
        return waited.cancelled_caught


@asynccontextmanager
async def an_echo_server() -> AsyncIterator[tuple[Echo, int]]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    async with server:
        yield echo, server.sockets[0].getsockname()[1]


@asynccontextmanager
async def a_client_of(proxy: Proxy) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


async def test_it_carries_both_ways_until_the_client_goes() -> None:
    async with an_echo_server() as (_, port), proxy_to(port) as proxy:
        async with a_client_of(proxy) as client:
            assert [await client.says(line) for line in (b"1\n", b"2\n")] == [b"1\n", b"2\n"]
            assert proxy.connections == 1
        while proxy.connections:
            await asyncio.sleep(0)


async def test_it_leads_to_a_unix_socket() -> None:
    with tempfile.TemporaryDirectory(prefix="bff-") as directory:
        echo, path = Echo(), Path(directory, "echo.sock")
        server = await asyncio.start_unix_server(echo.serve, path)
        async with server, proxy_to(path) as proxy, a_client_of(proxy) as client:
            assert await client.says(b"hi\n") == b"hi\n"


async def test_what_is_delayed_takes_that_long_each_way() -> None:
    async with an_echo_server() as (_, port), proxy_to(port) as proxy, a_client_of(proxy) as client:
        proxy.delay_seconds = 0.05
        sent_at = asyncio.get_running_loop().time()
        assert await client.says(b"hi\n") == b"hi\n"
        assert asyncio.get_running_loop().time() - sent_at >= 0.099


async def test_what_is_held_arrives_once_it_is_let_through() -> None:
    async with an_echo_server() as (echo, port), proxy_to(port) as proxy, a_client_of(proxy) as client:
        proxy.hold()
        client.writer.write(b"late\n")
        async with a_client_of(proxy) as newcomer:
            newcomer.writer.write(b"late too\n")
            assert await client.gets_nothing()
            assert await newcomer.gets_nothing()
            assert not echo.heard
            proxy.release()
            assert await client.reader.readline() == b"late\n"
            assert await newcomer.reader.readline() == b"late too\n"


async def test_what_a_client_sent_before_it_gave_up_arrives_all_the_same() -> None:
    async with an_echo_server() as (echo, port), proxy_to(port) as proxy:
        async with a_client_of(proxy) as client:
            assert await client.says(b"hi\n") == b"hi\n"
            proxy.hold()
            client.writer.write(b"late\n")
            await client.writer.drain()
        echo.came.clear()
        proxy.release()
        await echo.came.wait()
        assert echo.heard == [b"hi\n", b"late\n"]


async def test_where_answers_are_held_what_is_asked_arrives() -> None:
    async with an_echo_server() as (echo, port), proxy_to(port) as proxy, a_client_of(proxy) as client:
        proxy.hold_answers()
        client.writer.write(b"hi\n")
        await echo.came.wait()
        assert await client.gets_nothing()
        proxy.release()
        assert await client.reader.readline() == b"hi\n"


async def test_a_stranded_connection_stays_dead_and_a_new_one_works() -> None:
    async with an_echo_server() as (_, port), proxy_to(port) as proxy, a_client_of(proxy) as client:
        assert await client.says(b"1\n") == b"1\n"
        proxy.strand()
        client.writer.write(b"2\n")
        assert await client.gets_nothing()
        async with a_client_of(proxy) as newcomer:
            assert await newcomer.says(b"3\n") == b"3\n"


async def test_a_reset_breaks_what_is_open_and_nothing_later() -> None:
    async with an_echo_server() as (_, port), proxy_to(port) as proxy, a_client_of(proxy) as client:
        assert await client.says(b"1\n") == b"1\n"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await client.reader.readline()
        async with a_client_of(proxy) as newcomer:
            assert await newcomer.says(b"2\n") == b"2\n"


async def test_a_connection_breaks_in_the_middle_of_an_answer() -> None:
    async with an_echo_server() as (_, port), proxy_to(port) as proxy, a_client_of(proxy) as client:
        proxy.drop_after_bytes = 7
        assert await client.says(b"1234\n") == b"1234\n"
        client.writer.write(b"5678\n")
        assert await client.reader.read() == b"56"


async def test_where_nobody_listens_a_connection_is_reset() -> None:
    async with an_echo_server() as (_, port):
        pass
    async with proxy_to(port) as proxy, a_client_of(proxy) as client:
        with pytest.raises(ConnectionResetError):
            await client.reader.readline()
