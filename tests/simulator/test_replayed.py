"""A run simulated again, with what its calls met."""

import json
from dataclasses import replace
from math import nan
from typing import Any

import pytest

from bff.catalog.catalog import load_catalog
from scenario.comparison.observed import Observed
from scenario.model import Scenario
from scenario.result import End
from scenario.stage import Stage, stage_of
from simulator.engine.inputs import inputs_of
from simulator.engine.plan import plan_of
from simulator.replayed import replayed
from simulator.replications import once


def a_stage(**changes: Any) -> Stage:
    """Echoes, three times as many as ten slots carry, for six seconds."""
    spike = {"at_seconds": 1, "duration_seconds": 6, "rate_per_second": 36}
    document = {
        "replications": 5,
        "traffic": {
            "baseline_per_second": 4,
            "duration_seconds": 10,
            "mix": [{"operation": "echo"}],
            "spikes": [spike],
        },
        "services": [{"name": "echo", "max_concurrency": 10, "time": {"mean_seconds": 0.8}}],
        "queue": {"capacity": 45, "ttl_seconds": 3, "admission": "capacity"},
        **changes,
    }
    return stage_of(Scenario.model_validate_json(json.dumps(document)), load_catalog())


def observed_in(stage: Stage) -> Observed:
    """What the first replication would tell, had it been driven."""
    plan = plan_of(stage)
    inputs, (requests, _) = inputs_of(plan), once(plan)
    started = [wait == wait for wait in requests.wait]
    took = [seconds if began else nan for seconds, began in zip(inputs.seconds[0], started, strict=True)]
    known = [seconds for seconds in took if seconds == seconds]
    return Observed(calls=len(known), mean_service_seconds=sum(known) / len(known), service_seconds=took)


def test_every_replication_has_the_arrivals_of_the_driven_run() -> None:
    stage = a_stage()
    first = once(plan_of(stage))[0]
    several = replayed(stage, Observed())
    assert {figures.offered for figures in several} == {len(first.at)}
    assert len({figures.shares[End.SUCCEEDED] for figures in several}) > 1


def test_with_the_service_times_that_were_met_it_comes_to_the_same() -> None:
    """What was not started draws by chance, and is started in no replication either."""
    stage = a_stage()
    [first, *_] = replayed(stage, Observed())
    for figures in replayed(stage, observed_in(stage)):
        assert figures.shares == first.shares
        assert figures.result_seconds.p95 == pytest.approx(first.result_seconds.p95)
        assert figures.drain_seconds == pytest.approx(first.drain_seconds)


def test_a_slot_that_is_slowly_turned_around_serves_fewer() -> None:
    stage = a_stage()
    observed = observed_in(stage)
    quick, slow = (replayed(stage, each)[0] for each in (observed, replace(observed, turnaround_seconds=0.2)))
    assert slow.shares[End.SUCCEEDED] < quick.shares[End.SUCCEEDED] - 0.05


def test_what_is_answered_late_comes_late_and_is_late_in_all() -> None:
    """Also what comes when nobody is sent any more."""
    stage = a_stage(traffic={"baseline_per_second": 2, "duration_seconds": 10, "mix": [{"operation": "echo"}]})
    [first, *_] = replayed(stage, Observed())
    [late, *_] = replayed(stage, Observed(accept_seconds=[5.0] * int(first.offered)))
    assert late.offered == first.offered
    assert late.shares[End.SUCCEEDED] == 1
    assert late.accept_seconds.p50 == pytest.approx(5.0)
    assert late.result_seconds.p50 == pytest.approx(first.result_seconds.p50 + 5.0)


def test_what_clients_who_try_again_meet_late_is_simulated_to_its_end() -> None:
    stage = a_stage(clients={"timeout_seconds": 2, "retries": 2, "honours_retry_after": False})
    [first, *_] = replayed(stage, Observed())
    [late, *_] = replayed(stage, Observed(accept_seconds=[4.0] * int(first.offered)))
    assert sum(late.shares.values()) == pytest.approx(1)
    assert late.offered == first.offered


def test_the_way_between_calls_is_added_to_what_is_simulated_of_it() -> None:
    """Of a checkout, the two other calls are simulated already: 0.1 s."""
    mix = [{"operation": "checkout"}]
    traffic = {"baseline_per_second": 2, "duration_seconds": 10, "mix": mix}
    stage = a_stage(traffic=traffic, services=[{"name": "payments", "max_concurrency": 50}])
    [first, *_] = replayed(stage, Observed())
    [farther, *_] = replayed(stage, Observed(beside_seconds=[0.35]))
    assert farther.result_seconds.mean == pytest.approx(first.result_seconds.mean + 0.25)
    assert farther.wait_seconds == first.wait_seconds
