"""One open WebSocket: what it is subscribed to, and what it has not been sent yet."""

import asyncio
from collections.abc import Iterator
from itertools import islice
from urllib.parse import quote

from starlette.types import Message, Receive, Send

from bff.broker.errors import BrokerUnavailable
from bff.broker.job_id import is_job_id
from bff.broker.tickets import OperatorTickets, Tickets
from bff.catalog.clients import Client
from gateway import problems
from gateway.gateway import Gateway
from gateway.identity import is_operators, revoked
from gateway.ownership import own
from gateway.problems import Problem
from gateway.push import messages
from gateway.push.live import Reading
from gateway.push.messages import (
    WEBSOCKET_PATH,
    Close,
    Hello,
    Malformed,
    Ping,
    Subscribe,
    Unsubscribe,
    Unwatch,
    Watch,
)
from gateway.push.outlet import Outlet
from gateway.push.waiters import Channel, too_many_waiters

HELLO_SECONDS = 3.0
MAX_SUBSCRIPTIONS = 1000
MAX_MALFORMED = 3
MAX_HELD = 32
"""So many jobs' states may wait to be sent; what is behind them is read again when its turn comes."""
REVOKED = "the key is no longer good"
LOOK_AGAIN_SECONDS = 15.0
"""How long the key of a socket on which nothing is said may be no longer good."""
MAX_REPLIES = 32
"""So many answers may wait to be sent before nothing more is read from the client."""


class Subscription:
    """One job on one socket. `after` is the version that the client has, `newest` what it is to be sent next."""

    until_ended = False
    __slots__ = ("_first", "_socket", "after", "job_id", "newest")

    def __init__(self, socket: "Socket", job_id: str, after: int) -> None:
        self._socket = socket
        self._first = True
        self.job_id = job_id
        self.after = after
        self.newest: Reading | None = None

    def told(self, reading: Reading | None) -> None:
        self._first = False
        self._socket.told(self, reading)

    def failed(self, error: Exception) -> None:
        """What has been shown once stays subscribed to: what changed meanwhile is sent when it can be read."""
        if self._first:
            away = isinstance(error, BrokerUnavailable)
            self._socket.refuse(self.job_id, problems.broker_unavailable() if away else problems.unforeseen())

    def draining(self) -> None:
        """The server closes all its sockets."""


class Socket:
    """Its memory is bounded: by MAX_HELD states that wait to be sent, and a few answers."""

    def __init__(
        self, gateway: Gateway, send: Send, correlation_id: str, key_hash: str | None, operator: str | None = None
    ) -> None:
        """`key_hash` is the one of the client's key in the header, `operator` of an operator's; None without."""
        self._gateway = gateway
        self._correlation_id = correlation_id
        self._key_hash = key_hash
        self._operator = operator
        self._overview: str | None = None
        self._client: Client | None = None
        self._subscriptions: dict[str, Subscription] = {}
        self._dirty: dict[str, Subscription] = {}
        self._behind: dict[str, Subscription] = {}
        self._replies: list[str] = []  # few: an empty deque is ten times as large
        self._outlet = Outlet(send, self._messages, self._blocked)
        self._closing: Message | None = None
        self._closed = False
        self._malformed = 0
        self._looking: asyncio.TimerHandle | None = None
        self._counted = False

    async def serve(self, receive: Receive, client: Client | None) -> None:
        """Until either side closes it. Without a client or an operator, the first message must make one known."""
        unknown = client is None and self._operator is None
        hello = asyncio.get_running_loop().call_later(HELLO_SECONDS, self._no_hello) if unknown else None
        if client is not None:
            self._admit(client)
        try:
            while (event := await receive())["type"] != "websocket.disconnect":
                await self._take(event.get("text"))
                if len(self._replies) > MAX_REPLIES:
                    await self._outlet.idle()
        finally:
            if hello is not None:
                hello.cancel()
            if self._looking is not None:
                self._looking.cancel()
            self._closed = True
            for job_id in tuple(self._subscriptions):
                self._forget(job_id)
            self._gateway.overview.leave(self)
            if self._counted and self._client is not None:
                self._gateway.waiters.dismiss(self._client)

    def close(self, code: Close, reason: str) -> None:
        """After the answers that wait to be sent."""
        if self._closing is None:
            self._closing = {"type": "websocket.close", "code": int(code), "reason": reason}
            self._outlet.wake()

    def told(self, subscription: Subscription, reading: Reading | None) -> None:
        assert self._client is not None
        job_id = subscription.job_id
        try:
            job = own(self._gateway, self._client, None if reading is None else reading.job, job_id)
        except Problem as problem:
            self.refuse(job_id, problem)
            return
        if job.ended_by(subscription.after):
            self._forget(job_id)
            self._reply(messages.done(job_id))
            return
        if job.version != subscription.after:
            self._keep(subscription, reading)
        if self._behind:
            self._outlet.wake()

    def _keep(self, subscription: Subscription, reading: Reading | None) -> None:
        job_id = subscription.job_id
        if job_id not in self._dirty and len(self._dirty) >= MAX_HELD:
            self._behind[job_id] = subscription
            return
        subscription.newest = reading
        self._dirty[job_id] = subscription
        self._behind.pop(job_id, None)
        self._outlet.wake()

    def refuse(self, job_id: str, problem: Problem) -> None:
        self._forget(job_id)
        document = problem.document(f"/v1/jobs/{quote(job_id)}", self._correlation_id)
        self._reply(messages.error(job_id, document))

    async def _take(self, text: str | None) -> None:
        """One message of the client."""
        if self._closing is not None:
            return
        try:
            said = messages.said_in(text)
        except Malformed as malformed:
            self._misunderstood(str(malformed))
            return
        if isinstance(said, Hello):
            await self._hello(said)
        elif isinstance(said, Watch):
            await self._watch(said)
        elif self._operator is not None and isinstance(said, Ping | Unwatch):
            self._do(said)
        elif self._client is None:
            self.close(Close.UNAUTHORIZED, "hello comes first")
        elif self._revoked():
            self.close(Close.UNAUTHORIZED, REVOKED)
        else:
            self._do(said)

    def _do(self, said: Subscribe | Unsubscribe | Ping | Unwatch) -> None:
        match said:
            case Subscribe(job_id, after):
                self._subscribe(job_id, after)
            case Unsubscribe(job_id):
                self._forget(job_id)
                self._reply(messages.unsubscribed(job_id))
            case Ping():
                self._reply(messages.PONG)
            case Unwatch():
                self._gateway.overview.leave(self)
                self._overview = None
                self._reply(messages.UNWATCHED)

    def _misunderstood(self, why: str) -> None:
        self._malformed += 1
        problem = Problem(problems.MALFORMED_MESSAGE, why)
        self._reply(messages.error(None, problem.document(WEBSOCKET_PATH, self._correlation_id)))
        if self._malformed >= MAX_MALFORMED:
            self.close(Close.MALFORMED, "three messages could not be understood")

    async def _hello(self, hello: Hello) -> None:
        if self._client is None:
            await self._redeem(hello.ticket or "")
        if self._client is not None:
            self._reply(messages.welcome(self._client.name))

    async def _redeem(self, ticket: str) -> None:
        try:
            key_hash = await Tickets(self._gateway.broker.cell).redeem(ticket)
        except BrokerUnavailable:
            self.close(Close.OVERLOAD, "tickets cannot be read at the moment")
            return
        client = None if key_hash is None else self._gateway.clients.now().with_hash(key_hash)
        if client is None:
            self.close(Close.UNAUTHORIZED, "this ticket is not good, or no longer")
        elif self._closing is None:  # it was in time
            self._key_hash = key_hash
            self._admit(client)

    async def _watch(self, watch: Watch) -> None:
        if watch.ticket is not None:
            await self._redeem_operators(watch.ticket)
        if self._operator is not None and is_operators(self._gateway, self._operator):
            self._gateway.overview.watch(self)
        elif self._client is None:
            self.close(Close.UNAUTHORIZED, "this ticket is not an operator's, or not good any more")
        else:
            self._deny(Problem(problems.FORBIDDEN, "This is for operators: get a ticket at /admin/v1/ws-tickets."))

    async def _redeem_operators(self, ticket: str) -> None:
        try:
            self._operator = await OperatorTickets(self._gateway.broker.cell).redeem(ticket) or self._operator
        except BrokerUnavailable:
            self.close(Close.OVERLOAD, "tickets cannot be read at the moment")
            return
        if self._operator is not None and self._looking is None:
            self._look_later()

    def shown(self, text: str) -> None:
        """The newest overview; one that could not be sent yet is not sent any more."""
        self._overview = text
        self._outlet.wake()

    def blind(self) -> None:
        self._deny(problems.broker_unavailable())

    def _deny(self, problem: Problem) -> None:
        self._reply(messages.error(None, problem.document(WEBSOCKET_PATH, self._correlation_id)))

    def _no_hello(self) -> None:
        if self._client is None and self._operator is None:
            self.close(Close.NO_HELLO, f"no hello within {HELLO_SECONDS:g} s")

    def _admit(self, client: Client) -> None:
        self._client = client
        self._counted = self._gateway.waiters.admit(client)
        if not self._counted:
            self.close(Close.OVERLOAD, "this client waits on too much already")
        if self._key_hash is not None:
            self._look_later()

    def _look_later(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(LOOK_AGAIN_SECONDS, self._look_again)

    def _look_again(self) -> None:
        if self._revoked():
            self.close(Close.UNAUTHORIZED, REVOKED)
        else:
            self._look_later()

    def _revoked(self) -> bool:
        """Whether a key that opened something here is no longer good."""
        operators = self._operator is not None and not is_operators(self._gateway, self._operator)
        return operators or revoked(self._gateway, self._key_hash)

    def _subscribe(self, job_id: str, after: int) -> None:
        self._forget(job_id)
        subscription = Subscription(self, job_id, after)
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            self.close(Close.TOO_MANY, f"more than {MAX_SUBSCRIPTIONS} subscriptions")
        elif is_job_id(job_id):
            self._begin(subscription)
        else:
            subscription.told(None)

    def _begin(self, subscription: Subscription) -> None:
        if self._gateway.waiters.subscribe():
            self._subscriptions[subscription.job_id] = subscription
            self._gateway.live.follow(subscription.job_id, subscription)
        else:
            self.refuse(subscription.job_id, too_many_waiters())

    def _forget(self, job_id: str) -> None:
        self._dirty.pop(job_id, None)
        self._behind.pop(job_id, None)
        subscription = self._subscriptions.pop(job_id, None)
        if subscription is not None:
            self._gateway.waiters.unsubscribe()
            self._gateway.live.leave(job_id, subscription)

    def _reply(self, text: str) -> None:
        self._replies.append(text)
        self._outlet.wake()

    def _messages(self) -> Iterator[Message]:
        """What is to be sent, the newest there is at that moment; for a client that reads slowly not all there was."""
        while not self._closed:
            if self._replies:
                yield _text(self._replies.pop(0))
            elif self._closing is not None:
                self._closed = True
                yield self._closing
            elif not (self._dirty or self._overview):
                self._catch_up()
                return
            elif self._revoked():
                self.close(Close.UNAUTHORIZED, REVOKED)
            elif self._overview:
                overview, self._overview = self._overview, None
                yield _text(overview)
            else:
                yield from self._news(self._dirty.pop(next(iter(self._dirty))))

    def _catch_up(self) -> None:
        """Have those read again whose changes were not kept: as many as can be kept, the longest behind first."""
        for job_id in tuple(islice(self._behind, MAX_HELD)):
            subscription = self._behind.pop(job_id)
            self._gateway.live.leave(job_id, subscription)
            self._gateway.live.follow(job_id, subscription)

    def _news(self, subscription: Subscription) -> Iterator[Message]:
        reading, subscription.newest = subscription.newest, None
        assert reading is not None
        subscription.after = reading.job.version
        if reading.job.status.terminal:
            self._forget(subscription.job_id)
        yield {"type": "websocket.send", "frames": reading.frames}
        self._gateway.retrieved(reading.job, Channel.WEBSOCKET)

    def _blocked(self) -> None:
        """It has read nothing for too long. What waits to be sent is given up; a new outlet sends the close alone."""
        self._replies.clear()
        self._dirty.clear()
        self._behind.clear()
        self._overview = None
        self._closing = None
        self.close(Close.OVERLOAD, "nothing was read for too long")


def _text(text: str) -> Message:
    return {"type": "websocket.send", "text": text}
