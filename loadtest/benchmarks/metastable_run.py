"""Users that do not give up at once: does goodput come back after a burst, or do retries keep the system down?

    python loadtest/benchmarks/metastable_run.py
    python loadtest/benchmarks/metastable_run.py --request-timeout 120

60 users a second come to payments that can do 125; for 20 s it is 500. A user tries three times, ten seconds each:
submits with a new key, polls as asked; told 503, waits for Retry-After while that patience lasts. `--request-timeout`
is what the gateway is told: the user's own patience (the promise: goodput recovers), or far longer, so that work is
done for users who left long ago (nothing is promised; to compare).

Starts a `bff up` of its own. Exits with 1 where goodput did not recover in the first case, or in either a promise of
`spike_run.py` about services or what is left behind was broken.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp
import uvloop
from live_stack import LiveStack, cores_reported, live_stack, until_at_rest
from open_loop import Phase, many_connections, p50_p99, submit, timetable
from referee import SERVICE_SECONDS, Referee

ATTEMPTS = 3
PATIENCE_SECONDS = 10.0
BACK_OFF_SECONDS = 1.0  # full jitter, doubling
WINDOW_SECONDS = 5
RECOVERED = 0.95  # of the users that came in a window were served
RECOVERED_WITHIN_SECONDS = 30.0
ENDED = ("succeeded", "failed", "expired", "cancelled")


@dataclass(slots=True)
class User:
    """Times are seconds since the start; `served_at` is when the result was seen."""

    came_at: float
    lag_seconds: float
    attempts: list[float] = field(default_factory=list)
    refused: int = 0
    served_at: float | None = None


@dataclass(frozen=True, slots=True)
class Crowd:
    client: aiohttp.ClientSession
    gateway: str
    request_timeout: float
    back_off: bool
    began: float
    random: Random = field(default_factory=lambda: Random(1))

    def now(self) -> float:
        return time.perf_counter() - self.began

    async def come(self, phases: Sequence[Phase]) -> list[User]:
        """Return when each has been served or has given up."""
        under_way = []
        for number, (at_seconds, _) in enumerate(timetable(phases)):
            await asyncio.sleep(max(0.0, at_seconds - self.now()))
            under_way.append(asyncio.create_task(self._visit(number, at_seconds)))
        return await asyncio.gather(*under_way)

    async def _visit(self, number: int, came_at: float) -> User:
        user = User(came_at, self.now() - came_at)
        for attempt in range(ATTEMPTS):
            if attempt and self.back_off:
                await asyncio.sleep(self.random.uniform(0, BACK_OFF_SECONDS * 2 ** (attempt - 1)))
            if await self._attempt(user, ATTEMPTS * number + attempt):
                user.served_at = self.now()
                break
        return user

    async def _attempt(self, user: User, number: int) -> bool:
        began = self.now()
        user.attempts.append(began)
        key = {"idempotency_key": f"k{number}", "request_timeout": f"{self.request_timeout:g}"}
        answer = await submit(self.client, self.gateway, number, **key)
        left = PATIENCE_SECONDS - (self.now() - began)
        if answer.status != 202:
            user.refused += 1
            await asyncio.sleep(max(0.0, min(left, answer.retry_after_seconds or 0)))
            return False
        poll_after = 1.0
        while left > 0:
            await asyncio.sleep(min(left, poll_after))
            job = await self._job(answer.job_id)
            if job.get("status") in ENDED:
                return bool(job["status"] == "succeeded")
            poll_after = job.get("poll_after_seconds", 1.0)
            left = PATIENCE_SECONDS - (self.now() - began)
        return False

    async def _job(self, job_id: str | None) -> dict[str, Any]:
        try:
            async with self.client.get(f"{self.gateway}/v1/jobs/{job_id}") as answer:
                document: dict[str, Any] = await answer.json(content_type=None)
                return document
        except (aiohttp.ClientError, TimeoutError):
            return {}


@dataclass(frozen=True, slots=True)
class Window:
    """`served` of those who came in it; `results` were seen in it, whenever their users came."""

    at: float
    came: int
    served: int
    results: int
    attempts: int

    @property
    def share(self) -> float:
        return self.served / self.came if self.came else 1.0


def windows(users: Sequence[User], seconds: float) -> Iterator[Window]:
    def within(at: float | None, begins: int) -> bool:
        return at is not None and begins <= at < begins + WINDOW_SECONDS

    for begins in range(0, int(seconds), WINDOW_SECONDS):
        came = [user for user in users if within(user.came_at, begins)]
        served = sum(user.served_at is not None for user in came)
        results = sum(within(user.served_at, begins) for user in users)
        attempts = sum(within(at, begins) for user in users for at in user.attempts)
        yield Window(begins, len(came), served, results, attempts)


def recovered_after(table: Sequence[Window], trigger_ended: float) -> float | None:
    """Seconds from the trigger's end to the first window from which on all were good; None: not within the run."""
    bad = [window.at + WINDOW_SECONDS for window in table if window.share < RECOVERED and window.at >= trigger_ended]
    if bad and bad[-1] > table[-1].at:
        return None
    return bad[-1] - trigger_ended if bad else 0.0


def report(users: Sequence[User], table: Sequence[Window], trigger_ended: float) -> float | None:
    print("from s | users/s | attempts/s | results/s | served of those who came")
    for each in table:
        rates = " | ".join(f"{count / WINDOW_SECONDS:6.1f}" for count in (each.came, each.attempts, each.results))
        print(f"{each.at:6} | {rates} | {each.share:6.1%}")
    attempts, refused = sum(len(user.attempts) for user in users), sum(user.refused for user in users)
    served = sum(user.served_at is not None for user in users)
    print(f"{len(users)} users, {attempts} attempts, {refused} of them refused at the door, {served} users served")
    lag = "p50 {:.2f}, p99 {:.2f}".format(*p50_p99([user.lag_seconds for user in users]))
    recovered = recovered_after(table, trigger_ended)
    said = "not within the run" if recovered is None else f"{recovered:.0f} s after the trigger's end"
    print(f"goodput recovered {said}; users came late, by the client's fault, by s: {lag}")
    return recovered


async def run(stack: LiveStack, phases: Sequence[Phase], given: argparse.Namespace) -> bool:
    request_timeout: float = given.request_timeout
    async with many_connections() as client:
        referee = Referee(client, stack.urls["mock"])
        await referee.payments_take_constant_time(given.charge_seconds)
        crowd = Crowd(client, stack.urls["gateway"], request_timeout, given.back_off, time.perf_counter())
        with cores_reported(stack):
            users = await crowd.come(phases)
        left = await until_at_rest(stack)
        complaints = await referee.complaints()
    table = list(windows(users, sum(phase.seconds for phase in phases)))
    recovered = report(users, table, phases[0].seconds + phases[1].seconds)
    if request_timeout <= PATIENCE_SECONDS and (recovered is None or recovered > RECOVERED_WITHIN_SECONDS):
        complaints.append(f"goodput did not recover within {RECOVERED_WITHIN_SECONDS:g} s")
    if left:
        complaints.append(f"left behind: {left}")
    print("\n".join(complaints) or "good")
    return not complaints


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--request-timeout", type=float, default=PATIENCE_SECONDS, help="seconds, of every attempt")
    parser.add_argument("--back-off", action="store_true", help="between attempts; else the next follows at once")
    parser.add_argument("--charge-seconds", type=float, default=SERVICE_SECONDS, help="services.toml expects 0.8")
    parser.add_argument("--after", type=float, default=85.0, help="seconds at the base rate after the trigger")
    given = parser.parse_args()
    phases = (Phase("before", 15, 60), Phase("trigger", 20, 500), Phase("after", given.after, 60))
    with live_stack() as stack:
        good = uvloop.run(run(stack, phases, given))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
