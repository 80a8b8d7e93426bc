"""The gateway by HTTP, as clients ask it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from pydantic_core import from_json
from yarl import URL

from loadtest.client.connections import Connections, NoAnswer

SUBPROTOCOL = "bff.v1+json"
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
CLOSE_SECONDS = 1.0
MAX_LINE_BYTES = 8 * 1024 * 1024
PREFLIGHT_SECONDS = 5.0

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """`retry_after` in seconds, where one was said. Status 0: there was no answer."""

    status: int = 0
    body: bytes = b""
    retry_after: float | None = None

    @property
    def document(self) -> Document:
        return document_of(self.body)

    @property
    def reason(self) -> str:
        """The problem's name, `queue-full`; where it is none, the status."""
        problem = str(self.document.get("type", "")).rpartition("/")[2]
        return problem or f"http-{self.status}"


class Gateway:
    """Requests are not bounded in time here: who waits for them does that."""

    def __init__(self, url: str, connections: Connections, session: aiohttp.ClientSession) -> None:
        """Requests go over `connections`, streams and sockets over `session`."""
        self._url = url
        self._connections = connections
        self._session = session

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str) -> AsyncIterator[Self]:
        connections, connector = Connections(url), aiohttp.TCPConnector(limit=0, force_close=True)
        unbounded = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
        async with aiohttp.ClientSession(
            connector=connector, timeout=unbounded, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            try:
                yield cls(url, connections, session)
            finally:
                connections.close()

    async def submit(self, operation: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return await self.ask("POST", f"/v1/operations/{operation}", headers, body)

    async def read(self, job_id: str, headers: Mapping[str, str]) -> Answer:
        return await self.ask("GET", f"/v1/jobs/{job_id}", headers)

    async def read_many(self, job_ids: Sequence[str], headers: Mapping[str, str]) -> list[Document]:
        """Up to 100; unknown ones are left out. Raises NoAnswer, also where it was none of use."""
        answer = await self.ask("GET", "/v1/jobs?" + "&".join(f"id={each}" for each in job_ids), headers)
        if answer.status != 200 or "jobs" not in (document := answer.document):
            raise NoAnswer(answer.reason)
        return list(document["jobs"])

    async def cancel(self, job_id: str, headers: Mapping[str, str]) -> Answer:
        return await self.ask("DELETE", f"/v1/jobs/{job_id}", headers)

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Raises NoAnswer."""
        reply = await self._connections.ask(method, path, headers, body)
        return Answer(reply.status, reply.body, _seconds(reply.retry_after.decode("latin-1")))

    @asynccontextmanager
    async def events(self, job_id: str, headers: Mapping[str, str]) -> AsyncIterator["Events"]:
        """Raises NoAnswer."""
        url = URL(f"{self._url}/v1/jobs/{job_id}/events", encoded=True)
        try:
            async with self._session.get(url, headers=headers, read_bufsize=MAX_LINE_BYTES) as response:
                yield Events(response.status, _seconds(response.headers.get("Retry-After", "")), response.content)
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(str(error) or type(error).__name__) from error

    @asynccontextmanager
    async def socket(self, headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientWebSocketResponse[bool]]:
        """Raises NoAnswer."""
        url = URL(f"ws{self._url.removeprefix('http')}/v1/ws", encoded=True)
        try:
            async with self._session.ws_connect(
                url,
                protocols=(SUBPROTOCOL,),
                headers=headers,
                max_msg_size=MAX_MESSAGE_BYTES,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
            ) as socket:
                yield socket
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(str(error) or type(error).__name__) from error


@dataclass(frozen=True, slots=True)
class Events:
    """The answer to a request for an event stream; where `status` is 200, the stream."""

    status: int
    retry_after: float | None
    stream: aiohttp.StreamReader


async def preflight(gateway: Gateway, headers: Mapping[str, str]) -> Answer:
    """What the gateway answers to whoever asks for a job that nobody has. Raises NoAnswer."""
    try:
        async with asyncio.timeout(PREFLIGHT_SECONDS):
            return await gateway.ask("GET", "/v1/jobs?id=none", headers)
    except TimeoutError:
        raise NoAnswer(f"no answer within {PREFLIGHT_SECONDS:g} s") from None


def document_of(text: bytes | str) -> Document:
    """Empty where it is no JSON object."""
    try:
        document = from_json(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _seconds(retry_after: str) -> float | None:
    """Seconds alone are understood, no dates."""
    return float(retry_after) if retry_after.isdecimal() else None
