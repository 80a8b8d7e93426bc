"""A pool of plain redis-py connections for arq, which by itself gives up at the first error."""

from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bff.broker.link import keepalive

AGAIN_SECONDS = 0.2
# Connecting fails with an OSError, which redis-py by itself does not take for a reason to try again; its types neither.
_AWAY: Any = (RedisConnectionError, RedisTimeoutError, OSError)


def patient_pool(url: str) -> "ConnectionPool":
    """Waits for a Redis that is away or frozen for as long as it takes."""
    return ConnectionPool.from_url(
        url,
        socket_timeout=5.0,
        socket_connect_timeout=1.0,
        retry=Retry(ConstantBackoff(AGAIN_SECONDS), -1, _AWAY),
        retry_on_error=list(_AWAY),
        **keepalive(url),
    )
