"""A setting played as a whole: every call, priority, breaker and retry, as bff simulate has them."""

from dataclasses import dataclass, replace

from scenario.arrivals import expected_arrivals
from scenario.model import Slo
from scenario.stage import Stage, StageService
from simulator.planner.case import Case
from simulator.planner.outlook import CONFIRMED_BY
from simulator.replications import simulate

MOST_ATTEMPTS = 8_000
"""In one replication: more would take longer than a plan is waited for."""


@dataclass(frozen=True, slots=True)
class Check:
    """`missed`: thresholds, by name."""

    replications: int
    success_share: float
    result_p95_seconds: float | None
    drain_seconds: float | None
    missed: tuple[str, ...]

    def of(self, threshold: str) -> tuple[float | None, bool]:
        """What was got, and whether it is met."""
        return getattr(self, threshold), threshold not in self.missed


def checked(stage: Stage, case: Case, slo: Slo) -> Check | None:
    """None where it would take too long."""
    if expected_arrivals(case.traffic) * (1 + case.clients.retries) > MOST_ATTEMPTS:
        return None
    figures = simulate(stage_with(stage, case), processes=1)
    known = slo.model_copy(update={"accept_p99_seconds": None})
    held = dict(known)
    return Check(
        figures.replications,
        figures.shares["succeeded"],
        figures.result_seconds.p95 or None,
        figures.drain_seconds,
        tuple(each.name for each in figures.slo if held[each.name] is not None and not each.met),
    )


def stage_with(stage: Stage, case: Case) -> Stage:
    """With the slots, the rate and the queue of the case."""
    scenario = stage.scenario
    queue = scenario.queue.model_copy(update={"capacity": case.places, "ttl_seconds": case.ttl_seconds})
    loads = tuple(
        load.model_copy(update={"max_concurrency": case.slots, "rate_per_second": case.rate_per_second})
        if load.name == case.service
        else load
        for load in scenario.services
    )
    changed = scenario.model_copy(update={"queue": queue, "services": loads, "replications": CONFIRMED_BY})
    return Stage(changed, stage.operations, {**stage.services, case.service: _service(stage, case)})


def _service(stage: Stage, case: Case) -> StageService:
    played = stage.services[case.service]
    longest = dict.fromkeys(played.service.shares, case.ttl_seconds) if case.ttl_seconds else {}
    service = played.service.model_copy(
        update={
            "max_concurrency": case.slots,
            "rate_per_second": case.rate_per_second,
            "capacity": case.places,
            "max_wait_seconds": longest,
        }
    )
    return replace(played, service=service)
