"""Plain redis-py for arq, with patience: by itself arq gives up at the first error, and its worker ends."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from redis.asyncio import ConnectionPool
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import (
    ExecAbortError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    WatchError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

from bff.broker.link import LOST, UNAVAILABLE, keepalive

T = TypeVar("T")

AGAIN_SECONDS = 0.2
# Connecting fails with an OSError, which redis-py by itself does not take for a reason to try again; its types neither.
# Writing to what is closed already fails with a RuntimeError of uvloop's.
# A replica is left too: after a failover a new connection may lead to the new primary.
_AWAY: Any = (RedisConnectionError, RedisTimeoutError, OSError, RuntimeError, ReadOnlyError)
_REFUSING: Final = (ExecAbortError, MasterDownError, OutOfMemoryError)
# The other refusals have no class of their own, and within a transaction the word stands behind the command.
_refuses = re.compile(rf"\b({'|'.join(UNAVAILABLE)})\b").search


class _Patience(Retry):
    """Waits out a Redis that answers that it will not work now, too: busy, out of memory, its disk full."""

    async def call_with_retry(self, do: Callable[[], Awaitable[T]], fail: Callable[[RedisError], Any]) -> T:
        while True:
            try:
                return await super().call_with_retry(do, fail)
            except ResponseError as error:
                if not isinstance(error, _REFUSING) and not _refuses(str(error)):
                    raise
            await asyncio.sleep(AGAIN_SECONDS)


class _PatientPool(ConnectionPool):
    """redis-py itself does not try again where a connection breaks while it makes itself known."""

    async def ensure_connection(self, connection: Any) -> None:
        while True:
            try:
                await super().ensure_connection(connection)
                return
            except _AWAY:
                await connection.disconnect(nowait=True)
            await asyncio.sleep(AGAIN_SECONDS)


class PatientPipeline(Pipeline):
    """Where the connection is lost while keys are watched, the transaction fails, as if one of them had changed.

    redis-py says so in the middle of preparing it already, where arq does not expect it.
    """

    _watch_lost = False

    async def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            return await self._ask(*args, **options)
        except WatchError:  # the connection has been given back, so that this asks as if nothing were watched
            answer = await self._ask(*args, **options)
            self.watching = self._watch_lost = True
            return answer

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        if self._watch_lost:
            await self.reset()
            raise WatchError("the connection was lost while keys were watched")
        return await super().execute(raise_on_error)

    async def reset(self) -> None:
        self._watch_lost = False
        reset: Callable[[], Awaitable[None]] = super().reset
        try:
            await reset()
        except LOST:  # telling it to watch no more; a closed connection watches nothing
            self.watching = False
            if self.connection is not None:
                await self.connection.disconnect(nowait=True)
            await reset()

    async def _ask(self, *args: Any, **options: Any) -> Any:
        ask: Callable[..., Awaitable[Any]] = super().immediate_execute_command
        return await ask(*args, **options)


def patient_pool(url: str) -> "ConnectionPool":
    """Waits for a Redis that is away, frozen or refuses for as long as it takes."""
    return _PatientPool.from_url(
        url,
        socket_timeout=5.0,
        socket_connect_timeout=1.0,
        retry=_Patience(ConstantBackoff(AGAIN_SECONDS), -1, _AWAY),
        retry_on_error=list(_AWAY),
        **keepalive(url),
    )
