"""The plan of a scenario: whether it can be met as it stands, first; what it needs, and how near the edge that is."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from scenario.model import Slo
from scenario.stage import Stage
from simulator.planner.absorbed import Absorbed, absorbed_by
from simulator.planner.case import Case, case_of
from simulator.planner.check import Check, checked
from simulator.planner.metastable import Metastability, metastability
from simulator.planner.needs import Need, needs_of
from simulator.planner.outlook import Outlook, Trials, confirmations
from simulator.planner.polling import Polling, polling
from simulator.planner.pool import Pool, pool_of
from simulator.planner.sensitivity import Change, changes_of, without_one
from simulator.planner.setting import Setting, binding, setting_of
from simulator.planner.triggers import Rise, Trigger, trigger


@dataclass(frozen=True, slots=True)
class Plan:
    """`binding`: the threshold that needs most. `check`: of the scenario as it stands, played as a whole; None where
    that takes too long. `next`: services that would be too slow once the bottleneck is none.
    """

    scenario: str
    feasible: bool
    verdict: str
    pool: Pool
    as_it_stands: Outlook
    check: Check | None
    needs: tuple[Need, ...]
    binding: str | None
    setting: Setting
    trigger: Trigger
    absorbs: Absorbed
    changes: tuple[Change, ...]
    without_one: Change
    polling: Polling
    metastability: Metastability
    next: tuple[str, ...]
    assumptions: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def plan(
    stage: Stage, *, lead_seconds: float = 60.0, workers: int = 4, said: Callable[[str], None] = lambda what: None
) -> Plan:
    """`lead_seconds` pass from an alarm to new capacity; slots are spread over `workers`. `said` is told what is next.

    Raises NoPlan.
    """
    case, slo, trials = case_of(stage), stage.scenario.slo, Trials()
    said("as it stands")
    seen, check = trials.look(case, confirmations(case)), checked(stage, case, slo)
    missed = [each.name for each in seen.held_to(slo) if not each.met] if check is None else check.missed
    said("slots for each threshold")
    needs = needs_of(case, slo, trials, check)
    most = binding(needs)
    said("what to set")
    setting, chosen = setting_of(stage, case, needs, trials, feasible=not missed)
    said("what it absorbs")
    absorbs = absorbed_by(case, slo.success_share, trials)
    said("how near the edge it is")
    return Plan(
        scenario=stage.scenario.name,
        feasible=not missed,
        verdict=_verdict(case, seen if check is None else check, missed, stage),
        pool=pool_of(case),
        as_it_stands=seen,
        check=check,
        needs=needs,
        binding=None if most is None else most.name,
        setting=setting,
        trigger=trigger(_rise(case), lead_seconds),
        absorbs=absorbs,
        changes=changes_of(chosen, slo, trials, met=setting.met),
        without_one=without_one(chosen, workers, slo, trials),
        polling=polling(chosen, setting.outlook),
        metastability=metastability(case),
        next=tuple(_next(stage, case)),
        assumptions=(*_assumptions(stage, case), *_differing(setting, slo)),
    )


def _verdict(case: Case, seen: Outlook | Check, missed: list[str] | tuple[str, ...], stage: Stage) -> str:
    peak, capacity = case.peak_per_second, case.capacity_per_second
    how = f"rate_per_second {case.rate_per_second:g}" if case.bound_by_rate else _slots(case)
    for_long = f" for {case.peak_seconds:,g} s" if case.worst else ""
    said = f"capacity {capacity:,.4g}/s ({how}) against {peak:,.4g}/s{for_long}"
    piled = (peak - capacity) * case.peak_seconds
    if piled > 0:
        borne = min(capacity * case.useful_seconds, case.first.places, piled)
        said += f": {piled:,.0f} more than can be served meanwhile, of which the queue carries {borne:,.0f} in time"
    said += f"; {seen.success_share:.2%} succeed"
    if missed:
        said += ". Missed: " + ", ".join(
            f"{name} {_got(getattr(seen, name))} instead of {getattr(stage.scenario.slo, name):g}" for name in missed
        )
    if not stage.scenario.slo.model_dump(exclude_none=True):
        return f"Nothing is to be met, since [slo] sets no threshold: {said}."
    return f"{'Not feasible' if missed else 'Feasible'} as it stands: {said}."


def _got(value: float | None) -> str:
    return "(nothing)" if value is None else f"{value:.4g}"


def _slots(case: Case) -> str:
    return f"{case.slots:,} slots of {case.service} ÷ {case.time.mean_seconds:.3g} s"


def _rise(case: Case) -> Rise:
    return Rise(case.peak_per_second, case.capacity_per_second, case.useful_seconds, case.first.places)


def _next(stage: Stage, case: Case) -> Iterator[str]:
    peak = case.worst.rate_per_second if case.worst else case.traffic.baseline_per_second
    for name, service in stage.services.items():
        calls = sum(
            part.share
            for part in stage.scenario.traffic.mix
            for call in stage.operations[part.operation].calls
            if call.service == name
        )
        if name != case.service and calls * peak > service.calls_per_second:
            yield f"{name}: {calls * peak:,.4g}/s would come, {service.calls_per_second:,.4g}/s can be served"


def _differing(setting: Setting, slo: Slo) -> Iterator[str]:
    alone = {each.name for each in setting.outlook.held_to(slo) if not each.met}
    if setting.check is not None and alone != set(setting.check.missed):
        yield (
            f"the bottleneck alone misses {', '.join(sorted(alone)) or 'nothing'}, played as a whole it misses "
            f"{', '.join(setting.check.missed) or 'nothing'}: what a change makes of it is told by the bottleneck alone"
        )


def _assumptions(stage: Stage, case: Case) -> Iterator[str]:
    yield f"{case.service} is the one bottleneck; what comes before and after it takes its expected time"
    if len({part.priority for part in stage.scenario.traffic.mix}) > 1:
        yield "priorities stand in one line here: bff simulate tells them apart"
    if stage.bottleneck.error_rate:
        yield "of the calls that fail, a tenth of all is made again; breakers stay closed"
    if not all(part.calls for part in case.parts):
        yield f"what does not call {case.service} always succeeds"
    if stage.scenario.slo.accept_p99_seconds is not None:
        yield "accept_p99_seconds is the gateway's: bff load measures it"
