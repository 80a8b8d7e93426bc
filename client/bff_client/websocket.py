"""The channel of the WebSocket: one for all waits of a client, opened when it is first needed."""

import asyncio
import json
import random
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from bff_client.channel import ChannelFailed, failing
from bff_client.errors import answered
from bff_client.job import Job, Problem
from bff_client.pace import Deadline, Patience

SUBPROTOCOL = Subprotocol("bff.v1+json")
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
MAX_TOPICS = 1000
"""The gateway closes a socket on which more jobs are followed."""
RECONNECTS = 3
IDLE_SECONDS = 30

_NOT_AGAIN = (4400, 4401, 4403, 4406, 4408, 4429)
"""Close codes after which another connection would end the same way."""


@dataclass(eq=False, slots=True)
class _Topic:
    """One job that is followed. `on` is the connection that its subscription was sent on."""

    job_id: str
    newest: Job | None = None
    failure: Exception | None = None
    on: ClientConnection | None = None
    woken: set[asyncio.Event] = field(default_factory=set)

    def wake(self) -> None:
        for event in self.woken:
            event.set()


class Socket:
    """Followers see the newest state of their job, not every one in between."""

    def __init__(self, url: str, key: str | None, tls: ssl.SSLContext | None, patience: Patience) -> None:
        self._url = "ws" + url.removeprefix("http").rstrip("/") + "/v1/ws"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._tls = tls
        self._patience = patience
        self._topics: dict[str, _Topic] = {}
        self._connection: ClientConnection | None = None
        self._serving: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.wait([self._serving])

    async def follow(self, job_id: str, after: int, deadline: Deadline) -> AsyncGenerator[Job, None]:
        if job_id not in self._topics and len(self._topics) >= MAX_TOPICS:
            raise ChannelFailed(f"{MAX_TOPICS} jobs are followed on this socket already", rest_seconds=1)
        topic = self._topics.setdefault(job_id, _Topic(job_id))
        woken = asyncio.Event()
        topic.woken.add(woken)
        woken.set()
        try:
            self._serve()
            self._subscribe(topic)
            with failing():
                while True:
                    await self._change(topic, woken, deadline)
                    if topic.newest is not None and topic.newest.version > after:
                        after = topic.newest.version
                        yield topic.newest
                    if topic.newest is not None and topic.newest.ended:
                        return
        finally:
            topic.woken.discard(woken)
            if not topic.woken:
                self._leave(topic)

    async def _change(self, topic: _Topic, woken: asyncio.Event, deadline: Deadline) -> None:
        """Wait for the next news; for as long as it takes on a socket that works, else for the time of a trial."""
        works = self._connection is not None and topic.newest is not None
        trial_seconds = deadline.share(self._patience.trial_seconds, 1 / 4)
        try:
            async with asyncio.timeout(None if works else trial_seconds):
                await woken.wait()
        except TimeoutError:
            raise ChannelFailed(f"the WebSocket said nothing for {trial_seconds:g} s") from None
        woken.clear()
        if topic.failure is not None:
            raise topic.failure

    def _leave(self, topic: _Topic) -> None:
        if self._topics.get(topic.job_id) is topic:
            del self._topics[topic.job_id]
        if not self._topics:
            self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._close_if_idle)
        ended = topic.newest is not None and topic.newest.ended
        if self._connection is not None and topic.on is self._connection and not ended:
            self._send(self._connection, {"type": "unsubscribe", "id": topic.job_id})

    def _close_if_idle(self) -> None:
        if not self._topics and self._serving is not None:
            self._serving.cancel()

    def _serve(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._keep_connected())

    async def _keep_connected(self) -> None:
        """Until connecting fails. The first time shows whether there is a way at all; what was lost is tried again."""
        why = ChannelFailed("the socket was closed", rest_seconds=1)
        try:
            connection = await self._open()
            while True:
                await self._read(connection)
                connection = await self._open_again()
        except ChannelFailed as failed:
            why = failed
        finally:
            if self._connection is not None:
                await self._connection.close()
            self._connection = None
            for topic in self._topics.values():
                topic.failure = topic.failure or why
                topic.wake()
            self._topics.clear()

    async def _open(self) -> ClientConnection:
        """A connection that has answered once, with all topics subscribed to. Raises ChannelFailed."""
        connection = None
        try:
            async with asyncio.timeout(self._patience.trial_seconds):
                connection = await self._connect()
                await connection.send('{"type": "ping"}')
                self._take(await connection.recv())
                self._connection = connection
        except (OSError, InvalidHandshake, ConnectionClosed) as error:  # TimeoutError is an OSError
            raise ChannelFailed(repr(error)) from error
        finally:
            if connection is not None and connection is not self._connection:
                connection.transport.abort()
        for topic in self._topics.values():
            self._subscribe(topic)
        return connection

    async def _connect(self) -> ClientConnection:
        return await connect(
            self._url,
            subprotocols=[SUBPROTOCOL],
            additional_headers=self._headers,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            open_timeout=None,
            ping_interval=self._patience.silence_seconds / 2,
            ping_timeout=self._patience.silence_seconds / 2,
            close_timeout=1,
            ssl=self._tls,
        )

    async def _open_again(self) -> ClientConnection:
        """After a pause by chance, so that not all who were on a gateway that ended come back in the same moment."""
        for attempt in range(1, RECONNECTS + 1):
            await asyncio.sleep(random.uniform(0, 0.5 * 2**attempt))  # noqa: S311  no secret
            with suppress(ChannelFailed):
                return await self._open()
        raise ChannelFailed(f"no connection in {RECONNECTS} attempts")

    async def _read(self, connection: ClientConnection) -> None:
        """Until it is lost. Raises ChannelFailed where the next one would end the same way."""
        try:
            while True:
                self._take(await connection.recv())
        except ConnectionClosed as lost:
            if connection.close_code in _NOT_AGAIN:
                raise ChannelFailed(lost) from lost
        finally:
            self._connection = None
            await connection.close()
        for topic in self._topics.values():
            topic.wake()

    def _take(self, message: str | bytes) -> None:
        """One message. Raises ChannelFailed where it is none of the gateway's."""
        try:
            said: dict[str, Any] = json.loads(message)
            match said["type"]:
                case "job":
                    self._note(Job.of(said["job"], said["version"]))
                case "error" if said.get("id") in self._topics:
                    topic = self._topics[said["id"]]
                    topic.failure = answered(Problem.of(said["problem"]))
                    topic.wake()
        except (ValueError, KeyError, TypeError) as error:
            raise ChannelFailed(f"a message that is none of the gateway's: {error!r}") from error

    def _note(self, job: Job) -> None:
        topic = self._topics.get(job.id)
        if topic is not None and (topic.newest is None or job.version > topic.newest.version):
            topic.newest = job
            topic.wake()

    def _subscribe(self, topic: _Topic) -> None:
        """Once on each connection; after what was heard on the last one."""
        if self._connection is not None and topic.on is not self._connection:
            topic.on = self._connection
            after = {"after": topic.newest.version} if topic.newest else {}
            self._send(topic.on, {"type": "subscribe", "id": topic.job_id, **after})

    def _send(self, connection: ClientConnection, message: Mapping[str, Any]) -> None:
        """Without waiting: who sends may be about to be cancelled. That a connection is lost, its reader notices."""
        sending = asyncio.create_task(_sent(connection, json.dumps(message)))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)


async def _sent(connection: ClientConnection, message: str) -> None:
    with suppress(ConnectionClosed):
        await connection.send(message)
