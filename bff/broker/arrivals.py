"""Waiting for new entries without taking any: XREAD BLOCK behind the last ids that a take saw."""

from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bff.broker.errors import BrokerUnavailable
from bff.broker.link import LOST, keepalive

BLOCK_MS = 1000
SLACK_SECONDS = 3.0


class Arrivals:
    """A connection for each consumer that is idle. To cancel a wait strands nothing: nothing was read for anyone."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url, socket_connect_timeout=1.0, socket_timeout=BLOCK_MS / 1000 + SLACK_SECONDS, **keepalive(url)
        )

    async def wait(self, lanes: Sequence[str], last_ids: Sequence[str]) -> None:
        """Return when an entry came in behind `last_ids`, at the latest after a second. Raises BrokerUnavailable."""
        try:
            await self._redis.xread(dict(zip(lanes, last_ids, strict=True)), count=1, block=BLOCK_MS)
        except ResponseError:  # the lanes are gone, by a flush: the next take lays them down again
            return
        except RedisTimeoutError:
            # Redis, or this very process, or its machine stood still: timers run before what came in meanwhile is read.
            # The next take tells which, and waits for Redis only as long as it has to.
            return
        except LOST as error:
            raise BrokerUnavailable(f"Redis: {type(error).__name__}") from None

    async def aclose(self) -> None:
        await self._redis.aclose()
