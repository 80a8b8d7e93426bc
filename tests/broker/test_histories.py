"""Any history of submits, takes, ends, retries, crashes, cancels and deadlines keeps the invariants."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test
from redis.exceptions import ResponseError

from bff.broker.lanes import End, Entry, Health
from bff.broker.pipeline import Pipeline
from bff.catalog.model import Priority
from bff.policies.breaker import State
from tests.broker.fake import FakeRuns
from tests.broker.history import CLIENTS, MOST_LOST, STANDS_IN, History
from tests.broker.servers import Server
from tests.broker.snapshot import SERVICES
from tests.broker.turned import Fault
from tests.broker.world import BAD, GOOD

services = st.sampled_from(SERVICES)
clients = st.sampled_from(sorted(CLIENTS))
ends = st.sampled_from([GOOD, GOOD, BAD, replace(BAD, effect=True), STANDS_IN])


class Histories(RuleBasedStateMachine):
    """Entries that are taken lie in a bundle: of workers that are at it, that crashed, or that are frozen and come back."""

    connect: ClassVar[Callable[[], Pipeline | FakeRuns]]
    faults: ClassVar[Sequence[Fault]] = ()
    entries = Bundle("entries")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.run(self._begin())

    async def _begin(self) -> None:
        self.history = History(type(self).connect(), self.faults)
        await self.history.begin()

    def run(self, step: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(step)

    @rule(
        operation=st.sampled_from(["one", "order", "both", "screen", "scarce", "crowded", "chain", "soft"]),
        priority=st.sampled_from(Priority),
        timeout_ms=st.sampled_from([10_000, 10_000, 400]),
        client=clients,
        key=st.sampled_from([None, None, "k"]),
    )
    def submit(self, operation: str, priority: Priority, timeout_ms: int, client: str, key: str | None) -> None:
        self.run(self.history.submit(operation, priority, timeout_ms, client, key))

    @rule(number=st.integers(0, 9), client=clients)
    def cancel(self, number: int, client: str) -> None:
        self.run(self.history.cancel(number, client))

    @rule(target=entries, service=services, wanted=st.integers(1, 8))
    def take(self, service: str, wanted: int) -> Any:
        return multiple(*self.run(self.history.take(service, wanted)))

    @rule(taken=entries, end=ends, health=st.sampled_from(Health))
    def finish(self, taken: tuple[str, Entry], end: End, health: Health) -> None:
        self.run(self.history.finish(*taken, replace(end, health=health)))

    @rule(
        taken=entries,
        delay_ms=st.sampled_from([0, 0, 20, 1_000, 20_000]),
        effect=st.booleans(),
        why=st.sampled_from(["ill", "ill", "pushed-back", "not-attempted"]),
    )
    def retry(self, taken: tuple[str, Entry], delay_ms: int, effect: bool, why: str) -> None:
        self.run(self.history.retry(*taken, delay_ms, effect, why))

    @rule(service=services, limit=st.sampled_from([1, 100]))
    def reclaim(self, service: str, limit: int) -> None:
        self.run(self.history.reclaim(service, limit))

    @rule(service=services, times=st.integers(1, MOST_LOST))
    def crash_again_and_again(self, service: str, times: int) -> None:
        for _ in range(times):
            self.run(self.history.take(service, 2))
            self.run(self.history.reclaim(service))

    @rule(milliseconds=st.sampled_from([1, 30, 300, 2_000, 10_000]))
    def time_passes(self, milliseconds: int) -> None:
        self.run(self.history.clock.turn(milliseconds))

    @rule()
    def duties(self) -> None:
        self.run(self.history.duties())

    @rule(number=st.integers(0, 9), again=st.booleans())
    def look_after_a_dead_letter(self, number: int, again: bool) -> None:
        self.run(self.history.look_after_a_dead_letter(number, again))

    @rule(service=services, state=st.sampled_from(State))
    def force_the_breaker(self, service: str, state: State) -> None:
        self.run(self.history.force_the_breaker(service, state))

    @invariant()
    def all_holds(self) -> None:
        self.run(self.history.check())

    def teardown(self) -> None:
        try:
            self.run(self.history.come_to_rest())
        finally:
            self.run(self.history.clock.aclose())
            self.runner.close()


def _hold(
    connect: Callable[[], Pipeline | FakeRuns],
    examples: int,
    phases: Sequence[Phase] = tuple(Phase),
    faults: Sequence[Fault] = (),
) -> None:
    machine = type("History", (Histories,), {"connect": staticmethod(connect), "faults": faults})
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
    _hold(lambda: Pipeline(redis.url), 40)


def test_histories_on_a_fake_redis() -> None:
    _hold(FakeRuns, 8)
