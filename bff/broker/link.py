"""One live connection to Redis: commands out, replies in, in the same order."""

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, MutableSequence, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol, cast

import hiredis
from redis.asyncio import ConnectionPool
from redis.exceptions import AuthenticationError, NoScriptError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from bff.broker.errors import BrokerUnavailable


class Reply(Protocol):
    """What waits for the reply to one command: a future, or what stands for several."""

    def done(self) -> bool: ...

    def set_result(self, answer: Any, /) -> None: ...

    def set_exception(self, error: Exception, /) -> None: ...


Commands = Sequence[tuple[Reply, bytes]]  # who waits, and the command as it goes over the wire
RedisConnection = Any  # redis.asyncio.Connection or one of its kin: their methods have no types

# The first words by which Redis says that it, not the command, is the trouble.
UNAVAILABLE: Final = frozenset(
    {"BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "MOVED", "NOAUTH", "NOREPLICAS", "OOM", "READONLY"}
)
# And those that hold for as long as the connection does: a replica, a node of a cluster that does not have our slot.
_WRONG_PLACE: Final = frozenset({"MOVED", "READONLY"})
# What redis-py raises where a connection is lost. That it is closed already uvloop says by a RuntimeError.
LOST: Final = (RedisError, OSError, RuntimeError)
_KEEPALIVE: Final = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}  # seconds, seconds, probes
_INCOMPLETE: Final = object()
# After a pause of this very process, timers may run before the replies that arrived meanwhile are read.
_GRACE_SECONDS: Final = 0.1


class _WrongServer(BrokerUnavailable):
    """This connection leads to a server that may not write our keys; a new one may lead to the one that may."""


class Link(asyncio.Protocol):
    """Feeds the hiredis parser straight from the transport of a connection that redis-py has opened.

    A reply that is overdue loses the whole link: replies have no name but their order, so one that comes
    late could only be told from the next by what stands before it.
    """

    def __init__(self, connection: RedisConnection, timeout_seconds: float) -> None:
        self.lost = False
        self._connection = connection  # owns the transport: without it, it would be closed
        self._transport = cast(asyncio.Transport, connection._writer.transport)
        self._transport.set_protocol(self)
        self._timeout_seconds = timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._parser = hiredis.Reader(replyError=self._refused, notEnoughData=_INCOMPLETE)
        self._wrong_server: str | None = None
        self._waiting: deque[tuple[Reply, float]] = deque()  # and when each reply is due
        self._watch: asyncio.TimerHandle | None = None
        self._closed = asyncio.Event()

    @property
    def in_flight(self) -> int:
        return len(self._waiting)

    def send(self, commands: Commands) -> None:
        due = self._loop.time() + self._timeout_seconds
        self._waiting.extend([(reply, due) for reply, _ in commands])
        self._transport.write(b"".join([packed for _, packed in commands]))
        if self._watch is None:
            self._watch = self._loop.call_at(due, self._check)

    def data_received(self, data: bytes) -> None:
        self._parser.feed(data)
        try:
            while (answer := self._parser.gets()) is not _INCOMPLETE:
                reply, _ = self._waiting[0]  # which waits on where the answer is none
                tell(reply, answer)
                self._waiting.popleft()
                if self._wrong_server is not None:
                    return self.lose(self._wrong_server)
        except (hiredis.ProtocolError, IndexError):
            self.lose("Redis sent what is no reply to any command")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lose("the connection to Redis was lost" + (f": {type(exc).__name__}" if exc else ""))
        self._closed.set()

    def lose(self, why: str) -> None:
        """Drop the connection; whoever waits gets to know why."""
        if self.lost:
            return
        self.lost = True
        if self._watch is not None:
            self._watch.cancel()
        self._transport.abort()  # close() would wait for a frozen Redis to read what is still to be sent
        self._connection._close()
        fail(self._waiting, why)

    async def aclose(self, why: str) -> None:
        self.lose(why)
        await self._closed.wait()

    def _refused(self, text: str) -> Exception:
        """The exception for an error reply, or for one within a reply; hiredis calls it for each."""
        refusal = _refusal(text)
        if isinstance(refusal, _WrongServer):
            self._wrong_server = str(refusal)
        return refusal

    def _check(self) -> None:
        self._watch = None
        if not self._waiting:
            return
        oldest = self._waiting[0]
        if oldest[1] > self._loop.time():
            self._watch = self._loop.call_at(oldest[1], self._check)
        else:
            self._watch = self._loop.call_later(_GRACE_SECONDS, self._give_up_on, oldest)

    def _give_up_on(self, oldest: tuple[Reply, float]) -> None:
        if self._waiting and self._waiting[0] is oldest:
            self.lose(f"Redis did not answer within {self._timeout_seconds:g} s")
        else:
            self._check()


def tell(reply: Reply, answer: Any) -> None:
    """An error that Redis sent is raised where it is waited for. Nothing where the caller was cancelled."""
    if not reply.done():
        (reply.set_exception if isinstance(answer, Exception) else reply.set_result)(answer)


def fail(waiting: MutableSequence[tuple[Reply, Any]], why: str) -> None:
    """Tell all who wait that Redis is unavailable, and why; nobody waits afterwards."""
    for reply, _ in waiting:
        tell(reply, BrokerUnavailable(why))
    waiting.clear()


def dialer(url: str) -> Callable[[], RedisConnection]:
    """What makes new connections, not yet open, to the Redis of a URL: in any form that redis-py knows."""
    pool: Any = ConnectionPool.from_url(url, **keepalive(url))
    try:
        pool.make_connection()
    except TypeError as error:
        raise ValueError(f"the Redis URL has an option that is not known: {error}") from None
    return cast(Callable[[], RedisConnection], pool.make_connection)


def keepalive(url: str) -> dict[str, Any]:
    """redis-py's options by which a peer that vanished is noticed; a unix socket knows none."""
    if url.startswith("unix:"):
        return {}
    known = [name for name in _KEEPALIVE if hasattr(socket, name)]  # macOS lacks the first
    options = {getattr(socket, name): _KEEPALIVE[name] for name in known}
    return {"socket_keepalive": True, "socket_keepalive_options": options}


async def connect(connection: RedisConnection, *, connect_timeout_seconds: float, timeout_seconds: float) -> Link:
    """Raises BrokerUnavailable."""
    async with opening(connection, connect_timeout_seconds):
        return Link(connection, timeout_seconds)


@asynccontextmanager
async def opening(connection: RedisConnection, timeout_seconds: float) -> AsyncIterator[None]:
    """Open it, log in, choose the database: redis-py's work. Raises BrokerUnavailable. What goes wrong closes it."""
    try:
        async with asyncio.timeout(timeout_seconds):
            await connection.connect()
        yield
    except BaseException as error:
        connection._close()  # redis-py leaves it open after some refusals, and where it is cancelled
        if isinstance(error, LOST):
            raise BrokerUnavailable(f"cannot connect to Redis: {_cause(error)}") from error
        raise


def _cause(error: BaseException) -> str:
    while isinstance(error, RedisConnectionError) and (inner := error.__cause__ or error.__context__):
        error = inner
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, AuthenticationError | ResponseError) else name


def _refusal(text: str) -> Exception:
    word = text.partition(" ")[0]
    # Redis 6.2 wraps what a script ran into: "ERR Error running script (call to f_…): @user_script:3: -OOM"
    inner = text.rpartition(": -")[2].partition(" ")[0] if word == "ERR" else word
    if inner in UNAVAILABLE:
        return (_WrongServer if inner in _WRONG_PLACE else BrokerUnavailable)(f"Redis refuses: {inner}")
    return NoScriptError(text) if word == "NOSCRIPT" else ResponseError(text)
