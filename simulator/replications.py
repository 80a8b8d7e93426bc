"""A scenario simulated so often, on all cores: the same figures, however many there are."""

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from math import isnan
from multiprocessing import get_context
from time import perf_counter

from scenario.result import Figures, Source
from scenario.stage import Stage
from scenario.tally import Requests, Run, figures
from simulator.engine.events import by_events
from simulator.engine.inputs import Inputs, inputs_of
from simulator.engine.plan import Plan, plan_of
from simulator.engine.recursion import by_recursion
from simulator.means import mean_of
from simulator.steady import BATCHES, batch_means, warm_up
from simulator.student import Interval

WORTH_PROCESSES_SECONDS = 3.0
"""Of work that is left: what processes take to start is well spent."""

Progress = Callable[[int], None]
"""Told how many replications are done."""


def simulate(stage: Stage, progress: Progress = lambda done: None, processes: int | None = None) -> Figures:
    """All replications of a scenario as one. `processes`: at most; None: as many as there are cores."""
    return mean_of(list(replicated(stage, progress, processes)), stage.scenario.slo)


def replicated(stage: Stage, progress: Progress = lambda done: None, processes: int | None = None) -> Sequence[Figures]:
    """Each by itself, in order."""
    count, done = stage.scenario.replications, []
    for each in _each(stage, count, processes):
        done.append(each)
        progress(len(done))
    return done


def once(plan: Plan, replication: int = 0) -> tuple[Requests, Run]:
    return played(plan, inputs_of(plan, replication))


def played(plan: Plan, inputs: Inputs) -> tuple[Requests, Run]:
    """By recursion where that is exact, else by events."""
    with _without_collecting():
        return by_recursion(plan, inputs) or by_events(plan, inputs)


def _each(stage: Stage, count: int, processes: int | None) -> Iterator[Figures]:
    began = perf_counter()
    plan = plan_of(stage)
    yield _replication(plan, 0)
    left_seconds = (perf_counter() - began) * (count - 1)
    workers = min(count - 1, os.cpu_count() or 1 if processes is None else processes)
    if workers < 2 or left_seconds < WORTH_PROCESSES_SECONDS:
        yield from (_replication(plan, number) for number in range(1, count))
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(stage,)) as pool:
        yield from pool.map(_of_this_process, range(1, count))


_plans: list[Plan] = []


def _begin(stage: Stage) -> None:
    _plans.append(plan_of(stage))


def _of_this_process(number: int) -> Figures:
    return _replication(_plans[0], number)


def _replication(plan: Plan, number: int) -> Figures:
    scenario = plan.stage.scenario
    requests, run = once(plan, number)
    of_one = figures(scenario, Source.SIMULATION, requests, run)
    if scenario.replications > 1 or scenario.traffic.spikes:
        return of_one
    return replace(of_one, interval_95=_steady(requests, scenario.traffic.warmup_seconds))


def _steady(requests: Requests, warm: float) -> dict[str, Interval]:
    """Of the only replication of a scenario without spikes: by batch means, after a warm-up that is found."""
    waits = [wait for at, wait in zip(requests.at, requests.wait, strict=True) if at >= warm and not isnan(wait)]
    settled = waits[warm_up(waits) :] if waits else []
    return {"wait_seconds.mean": batch_means(settled)} if len(settled) >= 10 * BATCHES else {}


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Nothing here refers to itself in circles, but there is a lot of it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
