"""Any history of submits, takes, ends, retries, crashes, cancels and deadlines keeps the invariants."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test
from redis.exceptions import ResponseError

from bff.broker.expiry import Expiry
from bff.broker.job import Job, JobStatus
from bff.broker.jobs import Accepted
from bff.broker.lanes import Entry, Noted
from bff.broker.pipeline import Pipeline
from bff.broker.requeue import Requeue
from bff.broker.script import Script, script
from bff.catalog.model import Priority
from tests.broker.fake import FakeRuns
from tests.broker.servers import Server
from tests.broker.world import BAD, GOOD, SERVICES, World, a_catalog

Connect = Callable[[], Pipeline | FakeRuns]
CATALOG = a_catalog(SERVICES.replace("timeout_seconds = 1\n", "timeout_seconds = 0.05\n"))


class Histories(RuleBasedStateMachine):
    """Entries that are taken lie in a bundle until somebody ends, retries or forgets them: a worker that crashed."""

    connect: Connect
    entries = Bundle("entries")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.redis = self.run(_made(type(self).connect))
        self.world = World(self.redis, CATALOG)
        self.run(self.world.cell.configure())
        self.ids: list[str] = []
        self.ends: dict[str, Job] = {}
        self.versions: dict[str, int] = {}

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    @rule(
        operation=st.sampled_from(["one", "order", "screen", "scarce", "crowded"]),
        priority=st.sampled_from(Priority),
        timeout_ms=st.sampled_from([10_000, 10_000, 250]),
    )
    def submit(self, operation: str, priority: Priority, timeout_ms: int) -> None:
        answer = self.run(self.world.submit(operation, priority=priority, timeout_ms=timeout_ms))
        if isinstance(answer, Accepted):
            self.ids.append(answer.job.id)

    @rule(target=entries, service=st.sampled_from(["fast", "stock"]), wanted=st.integers(1, 5))
    def take(self, service: str, wanted: int) -> Any:
        return multiple(*((service, entry) for entry in self.run(self.world.take(service, wanted))))

    @rule(taken=entries, good=st.booleans())
    def finish(self, taken: tuple[str, Entry], good: bool) -> None:
        service, entry = taken
        self.run(self.world.lanes(service).finish(entry, GOOD if good else BAD))

    @rule(taken=entries, delay_ms=st.sampled_from([0, 1, 20_000]))
    def retry(self, taken: tuple[str, Entry], delay_ms: int) -> None:
        service, entry = taken
        retried = self.world.lanes(service).retry(entry, delay_ms=delay_ms, effect=True, error="t", http_status=None)
        if self.run(retried) is Noted.TOO_LATE:
            self.run(self.world.lanes(service).finish(entry, BAD))

    @rule(number=st.integers(0, 100))
    def cancel(self, number: int) -> None:
        if self.ids:
            self.run(self.world.jobs.cancel(self.ids[number % len(self.ids)], "public"))

    @rule()
    def duties(self) -> None:
        self.run(self._duties())

    @invariant()
    def a_terminal_state_never_changes_and_versions_only_rise(self) -> None:
        for job in self.run(self.world.jobs.read_many(self.ids)):
            assert job.version >= self.versions.get(job.id, 1)
            self.versions[job.id] = job.version
            if job.status.terminal:
                first = self.ends.setdefault(job.id, job)
                assert (job.status, job.outcomes, job.finished_ms) == (first.status, first.outcomes, first.finished_ms)

    @invariant()
    def what_is_booked_is_what_waits(self) -> None:
        jobs = self.run(self.world.jobs.read_many(self.ids))
        assert len(jobs) == len(self.ids)
        waiting = sum(call.status in ("waiting", "queued") for job in jobs for call in job.calls)
        assert self.run(self.world.booked("fast")) + self.run(self.world.booked("stock")) == waiting

    @invariant()
    def no_service_has_more_in_flight_than_slots(self) -> None:
        held = [self.run(self.redis.execute("XPENDING", lane, "workers"))[0] for lane in self.world.keys.lanes("stock")]
        assert sum(held) <= 3

    def teardown(self) -> None:
        try:
            self.run(self._everything_ends())
        finally:
            self.run(self.redis.aclose())
            self.runner.close()

    async def _duties(self) -> None:
        await Expiry(self.world.cell, lambda ended: None).run_once()
        await Requeue(self.world.cell).run_once()
        for service in ("fast", "stock"):
            await self.world.lanes(service).reclaim()

    async def _everything_ends(self) -> None:
        """Whatever happened: duties and one good worker bring every job to its one end, and nothing is left."""
        async with asyncio.timeout(3):
            while leftovers := await self.world.leftovers():
                await self._duties()
                done = [await self.world.do(service=service) for service in ("fast", "stock")]
                if not any(done):
                    await asyncio.sleep(0.02)
                parked = await self.redis.execute("ZRANGE", self.world.keys.parked(), 0, -1)
                for member in parked:  # none is waited for
                    await self.redis.execute("ZADD", self.world.keys.parked(), 0, member)
        assert not leftovers
        for job in await self.world.jobs.read_many(self.ids):
            assert job.status.terminal
            assert _undone(job)


def _undone(job: Job) -> bool:
    """Nothing that was done stays done in a job that did not succeed, and nothing is undone in one that did."""
    undone = {call.name for call in job.calls if call.undoes}
    if job.operation != "order" or job.status is JobStatus.SUCCEEDED:
        return not undone
    done = {call.name for call in job.calls if call.status == "succeeded"}
    return undone >= {undo for call, undo in (("reserve", "release"), ("charge", "refund")) if call in done}


async def _made(connect: Connect) -> Pipeline | FakeRuns:
    return connect()


def _hold(connect: Connect, examples: int, phases: Sequence[Phase] = tuple(Phase)) -> None:
    machine = type("History", (Histories,), {"connect": staticmethod(connect)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            phases=phases,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_histories_on_a_real_redis(redis: Server) -> None:
    _hold(lambda: Pipeline(redis.url), 25)


def test_histories_on_a_fake_redis() -> None:
    _hold(FakeRuns, 8)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("job[name .. '.entry'] ~= entry", "false", id="an unfenced finish"),
        pytest.param("book(job, call, -1)", "do end", id="a booked place not given back"),
        pytest.param("redis.call('XACK', lane, GROUP, entry)", "do end", id="a missing XACK"),
        pytest.param("redis.call('ZREM', cell .. 'deadlines', job.id)", "do end", id="an end that forgets the index"),
    ],
)
def test_a_seeded_fault_is_caught(any_redis: Server, right: str, wrong: str) -> None:
    class Faulty(Pipeline):
        async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
            return await super().run(Script(script.name, script.source.replace(right, wrong)), keys, arguments)

    assert right in script("finish").source
    with pytest.raises((AssertionError, TimeoutError, ResponseError)):
        _hold(lambda: Faulty(any_redis.url), 100, (Phase.generate,))
