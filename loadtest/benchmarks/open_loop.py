"""Checkouts submitted on a timetable, whatever became of those before, and what was answered to each."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from statistics import quantiles

import aiohttp
from live_stack import Job

KEEPALIVE_SECONDS = 3  # shorter than the gateway's, which would otherwise close a connection that is just being used
DOOMED_AT_MOST = 0.05  # of what is accepted
FIRST = -10  # of -20 to 19, 0 being usual
PATIENCE = aiohttp.ClientTimeout(total=30)


@dataclass(frozen=True, slots=True)
class Phase:
    name: str
    seconds: float
    per_second: float


@dataclass(frozen=True, slots=True)
class Answer:
    """To one POST. `reason` is the problem's name where there was one, or how the connection failed (status 0)."""

    status: int
    milliseconds: float
    job_id: str | None = None
    reason: str = ""
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """`lag_ms` is how much later than planned the client sent it: the client's own fault, not the gateway's."""

    phase: str
    priority: str
    lag_ms: float
    answer: Answer

    @property
    def accepted(self) -> bool:
        return self.answer.status in (200, 202)


async def submit(client: aiohttp.ClientSession, gateway: str, number: int, **headers: str) -> Answer:
    """One checkout; `request_timeout` becomes `Request-Timeout`."""
    body = {"cart_id": f"c{number}", "amount_cents": 1999, "items": [{"sku": "A", "quantity": 1}]}
    steering = {name.replace("_", "-"): value for name, value in headers.items()}
    began = time.perf_counter()
    try:
        async with client.post(f"{gateway}/v1/operations/checkout", json=body, headers=steering) as answer:
            document = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError) as error:
        return Answer(0, (time.perf_counter() - began) * 1000, reason=type(error).__name__)
    milliseconds = (time.perf_counter() - began) * 1000
    retry_after = answer.headers.get("Retry-After")
    reason = document.get("type", "").rpartition("/")[2]
    return Answer(answer.status, milliseconds, document.get("id"), reason, int(retry_after) if retry_after else None)


def many_connections() -> aiohttp.ClientSession:
    """And a place before the stack on a machine without a core to spare, where that is allowed: who sends late measures
    its own crowd."""
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, FIRST)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS)
    return aiohttp.ClientSession(connector=connector, timeout=PATIENCE, cookie_jar=aiohttp.DummyCookieJar())


def timetable(phases: Sequence[Phase]) -> Iterator[tuple[float, str]]:
    """Seconds from the start, and the phase, of each."""
    begins = 0.0
    for phase in phases:
        for number in range(round(phase.seconds * phase.per_second)):
            yield begins + number / phase.per_second, phase.name
        begins += phase.seconds


async def submit_on_time(
    client: aiohttp.ClientSession,
    gateway: str,
    phases: Sequence[Phase],
    priority_of: Callable[[int], str] = lambda number: "normal",
) -> list[Sent]:
    async def send(number: int, due: float, phase: str) -> Sent:
        lag_ms = (time.perf_counter() - due) * 1000
        priority = priority_of(number)
        return Sent(phase, priority, lag_ms, await submit(client, gateway, number, request_priority=priority))

    began = time.perf_counter()
    under_way = []
    for number, (at_seconds, phase) in enumerate(timetable(phases)):
        due = began + at_seconds
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        under_way.append(asyncio.create_task(send(number, due, phase)))
    return await asyncio.gather(*under_way)


@asynccontextmanager
async def beside(*running: "asyncio.Task[None]") -> AsyncIterator[None]:
    """Cancelled at the end, whatever became of them."""
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def became(each: Sent, jobs: Mapping[str, Job]) -> str:
    if not each.accepted:
        return f"rejected ({each.answer.reason})"
    job = jobs.get(each.answer.job_id or "")
    return job.status if job else "lost"


def doomed(where: str, counts: Counter[str]) -> Iterator[str]:
    """What cannot be done in time is refused at the door: hardly anything that was accepted may expire."""
    accepted = sum(count for word, count in counts.items() if not word.startswith("rejected"))
    if counts["expired"] > DOOMED_AT_MOST * accepted:
        yield f"{where}: {counts['expired']} of {accepted} that were accepted expired"


def p50_p99(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return (values[0], values[0]) if values else (0.0, 0.0)
    cuts = quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[98]


def report_accepting(phases: Sequence[Phase], sent: Sequence[Sent]) -> None:
    """The latency of whatever was answered, refusals included, and how late the client itself was."""
    for phase in phases:
        own = [each for each in sent if each.phase == phase.name]
        accept = "p50 {:.1f}, p99 {:.1f}".format(*p50_p99([each.answer.milliseconds for each in own]))
        lag = "p50 {:.1f}, p99 {:.1f}".format(*p50_p99([each.lag_ms for each in own]))
        print(f"{phase.name}: {len(own)} in {phase.seconds:g} s; answered in ms: {accept}; client late by ms: {lag}")


def odd_answers(sent: Sequence[Sent]) -> Iterator[str]:
    """Neither accepted nor refused as the API says: 503 with Retry-After."""
    answers = [each.answer for each in sent if not each.accepted]
    odd = [each for each in answers if each.status != 503 or each.retry_after_seconds is None]
    if odd:
        counted = Counter(f"{each.status} {each.reason}".strip() for each in odd)
        yield f"{len(odd)} answers were neither accepted nor properly refused: {dict(counted)}"
