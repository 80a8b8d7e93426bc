"""What may stand between a client and the gateway: a proxy that knows HTTP, and breaks one channel at a time."""

import asyncio
import re
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum

import httpx


class Kind(StrEnum):
    """Of a request; the first four are the channels."""

    WEBSOCKET = "websocket"
    SSE = "sse"
    LONG_POLL = "long_poll"
    POLL = "poll"
    SUBMIT = "submit"
    CANCEL = "cancel"
    OTHER = "other"


class Fault(StrEnum):
    CLOSED = "closed"
    """The connection is closed without an answer."""
    SILENT = "silent"
    """Nothing is ever answered."""
    ERROR_PAGE = "error page"
    """A proxy's own 502."""
    LOGIN_PAGE = "login page"
    """200, and none of the gateway's."""
    KEPT_BACK = "kept back"
    """The gateway is asked, and its answer is let through once it is whole."""
    LOST = "lost"
    """The gateway is asked; its answer never comes through."""
    BUSY = "busy"
    """503 with Retry-After: 0."""
    BUSY_FOR_LONG = "busy for long"
    """429 with Retry-After: 60."""
    IN_PROGRESS = "in progress"
    """409: the first request with this key is still being answered."""
    TOO_SLOW = "too slow"
    """408."""


_PAGE = "Content-Type: text/html\r\n\r\n<title>Not the gateway</title>"
_PROBLEM = (
    'Content-Type: application/problem+json\r\nRetry-After: {}\r\n\r\n{{"type": "/problems/{}", "title": "Not now"}}'
)
PAGES = {
    Fault.ERROR_PAGE: "502 Bad Gateway\r\n" + _PAGE,
    Fault.LOGIN_PAGE: "200 OK\r\n" + _PAGE,
    Fault.BUSY: "503 Service Unavailable\r\n" + _PROBLEM.format(0, "queue-full"),
    Fault.BUSY_FOR_LONG: "429 Too Many Requests\r\n" + _PROBLEM.format(60, "quota-exceeded"),
    Fault.IN_PROGRESS: "409 Conflict\r\n" + _PROBLEM.format(0, "request-in-progress"),
    Fault.TOO_SLOW: "408 Request Timeout\r\n" + _PROBLEM.format(0, "request-too-slow"),
}


@dataclass(eq=False)
class _Carried:
    """One request on its way; `stranded`: nothing of it goes through any more, and nobody is told."""

    kind: Kind
    client: asyncio.StreamWriter
    stranded: bool = False


@dataclass(eq=False)
class Front:
    """`faults` hold until they are taken out; those in `once` are for that many next requests."""

    target: str
    port: int = 0
    faults: dict[Kind, Fault] = field(default_factory=dict)
    once: dict[Kind, list[Fault]] = field(default_factory=dict)
    seen: "Counter[Kind]" = field(default_factory=Counter)
    heads: list[str] = field(default_factory=list)
    _open: set[_Carried] = field(default_factory=set)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _carrying: "set[asyncio.Task[None]]" = field(default_factory=set)
    _ended: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self, kind: Kind) -> int:
        """How many requests of this kind are with the gateway now."""
        return sum(carried.kind is kind for carried in self._open)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Looked at whenever a request comes or ends."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(holds)

    def headers(self, kind: Kind, name: str) -> list[str]:
        """What each request of this kind had in this header."""
        of_kind = [head for head in self.heads if _kind(head) is kind]
        return [
            found[1]
            for head in of_kind
            if (found := re.search(rf"^{name}: (.*?)\r$", head, re.MULTILINE | re.IGNORECASE))
        ]

    def cut(self, kind: Kind) -> None:
        """Break what is open."""
        for carried in self._of(kind):
            carried.client.transport.abort()

    def strand(self, kind: Kind) -> None:
        """A firewall that has forgotten what is open: both ends believe that it is, and hear nothing."""
        for carried in self._of(kind):
            carried.stranded = True

    def accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        if self._ended:  # it came in the moment of the end
            client.transport.abort()
            return
        carrying = asyncio.get_running_loop().create_task(self._answer(reader, client))
        self._carrying.add(carrying)
        carrying.add_done_callback(self._carrying.discard)

    async def end(self) -> None:
        self._ended = True
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def _of(self, kind: Kind) -> list[_Carried]:
        return [carried for carried in self._open if carried.kind is kind]

    async def _answer(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """One request; the connection ends with it, so that the next one is seen, too."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            kind = _kind(head)
            self.heads.append(head)
            self.seen[kind] += 1
            fault = self.once[kind].pop(0) if self.once.get(kind) else self.faults.get(kind)
            await self._notify()
            await self._treat(fault, _Carried(kind, client), head, reader)
        except (asyncio.IncompleteReadError, OSError):
            pass  # one of the ends has gone
        finally:
            client.close()

    async def _treat(self, fault: Fault | None, carried: _Carried, head: str, reader: asyncio.StreamReader) -> None:
        if fault in PAGES:
            await _read_body(head, reader)
            carried.client.write(f"HTTP/1.1 {PAGES[fault]}".replace("\r\n", "\r\nConnection: close\r\n", 1).encode())
            await carried.client.drain()
        elif fault is Fault.SILENT:
            await reader.read()
        elif fault is not Fault.CLOSED:
            await self._carry(fault, carried, head, reader)

    async def _carry(self, fault: Fault | None, carried: _Carried, head: str, reader: asyncio.StreamReader) -> None:
        target = httpx.URL(self.target)
        answers, gateway = await asyncio.open_connection(target.host, target.port)
        self._open.add(carried)
        await self._notify()
        if carried.kind is not Kind.WEBSOCKET:
            head = re.sub(r"\r\nConnection: [^\r]*", "", head, flags=re.IGNORECASE).replace(
                "\r\n", "\r\nConnection: close\r\n", 1
            )
        gateway.write(head.encode("latin-1"))
        ways = [_pass(reader, gateway, carried), self._pass_back(fault, answers, carried)]
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gateway.close()
            self._open.discard(carried)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._notify()

    async def _pass_back(self, fault: Fault | None, answers: asyncio.StreamReader, carried: _Carried) -> None:
        if fault is Fault.KEPT_BACK:
            carried.client.write(await answers.read())
        elif fault is Fault.LOST:
            await answers.read()
        else:
            await _pass(answers, carried.client, carried)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, carried: _Carried) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            if carried.stranded:
                await asyncio.Event().wait()
            writer.write(data)
            await writer.drain()


async def _read_body(head: str, reader: asyncio.StreamReader) -> None:
    """What is not read would reset the connection before the answer is seen."""
    length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
    await reader.readexactly(int(length[1]) if length else 0)


def _kind(head: str) -> Kind:
    method, path = head.split(" ", 2)[:2]
    match method, path.split("/")[2:]:
        case "GET", ["ws"]:
            return Kind.WEBSOCKET
        case "GET", ["jobs", _, "events"]:
            return Kind.SSE
        case "GET", ["jobs", _]:
            return Kind.LONG_POLL if re.search(r"^prefer: wait", head, re.MULTILINE | re.IGNORECASE) else Kind.POLL
        case "POST", ["operations", _]:
            return Kind.SUBMIT
        case "DELETE", ["jobs", _]:
            return Kind.CANCEL
    return Kind.OTHER


@asynccontextmanager
async def front_of(target: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Front]:
    """A front of the gateway at this URL, on a free port of 127.0.0.1; by https where `tls` is given."""
    front = Front(target)
    listening = await asyncio.start_server(front.accept, "127.0.0.1", 0, backlog=1024, ssl=tls)
    front.port = listening.sockets[0].getsockname()[1]
    try:
        yield front
    finally:
        listening.close()
        await front.end()
