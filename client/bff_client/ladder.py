"""Which channel a wait listens on: the best that has not failed lately, and the next one when it fails."""

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from bff_client.channel import Channel, ChannelFailed, Follow
from bff_client.errors import Unreachable
from bff_client.job import Job
from bff_client.pace import Deadline, Patience

PAUSE_SECONDS = (1.0, 5.0)
"""Between attempts when also the last channel fails: grows from the first to the second, with jitter."""


class Ladder:
    """What one wait learns of a channel, the client's other waits know too."""

    def __init__(self, channels: Mapping[Channel, Follow], patience: Patience) -> None:
        self._channels = channels
        self._patience = patience
        self._rested_at = dict.fromkeys(channels, 0.0)

    async def follow(
        self, job_id: str, last: Job | None, chosen: Sequence[Channel], deadline: Deadline
    ) -> AsyncGenerator[Job, None]:
        """The job as it changes from `last` on, in order, until it has ended. Raises Unreachable, NotFound …"""
        failures = _Failures()
        while last is None or not last.ended:
            channel = self._best(chosen)
            try:
                after = last.version if last else 0
                async with aclosing(self._channels[channel](job_id, after, deadline)) as told:
                    async for job in told:
                        failures.over()
                        if _is_news(job, last):
                            last = job
                            yield job
                        elif last is not None and not last.version:
                            last = job  # the same state, now with its version
                failures.over()
            except ChannelFailed as failed:
                pause_seconds = max(failures.pause_seconds(), failed.rest_seconds or 0)
                self._rest(channel, pause_seconds if failed.rest_seconds is not None else self._patience.rest_seconds)
                if channel is chosen[-1]:
                    if failures.last_seconds > self._patience.unreachable_seconds:
                        raise Unreachable(f"nothing was heard for {failures.last_seconds:.0f} s: {failed}") from failed
                    await asyncio.sleep(pause_seconds)

    def _best(self, chosen: Sequence[Channel]) -> Channel:
        now = asyncio.get_running_loop().time()
        return next((channel for channel in chosen if self._rested_at[channel] <= now), chosen[-1])

    def _rest(self, channel: Channel, seconds: float) -> None:
        self._rested_at[channel] = asyncio.get_running_loop().time() + seconds


def _is_news(job: Job, last: Job | None) -> bool:
    """A later state; where a version is not known, one that is different."""
    if last is None or not job.version or not last.version:
        return last is None or replace(job, version=0) != replace(last, version=0)
    return job.version > last.version


class _Failures:
    """Those since something was heard last."""

    def __init__(self) -> None:
        self.over()

    def over(self) -> None:
        self._number = 0
        self._since = 0.0

    @property
    def last_seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._since

    def pause_seconds(self) -> float:
        """After one more."""
        self._since = self._since or asyncio.get_running_loop().time()
        self._number += 1
        shortest, longest = PAUSE_SECONDS
        return random.uniform(shortest / 2, min(longest, shortest * 1.5 ** min(self._number - 1, 10)))  # noqa: S311  no secret
