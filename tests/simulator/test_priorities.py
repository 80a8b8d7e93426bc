"""What priorities are worth when far more comes than can be served: a tenth of it high, three normal, six low."""

from typing import Any

import pytest

from scenario.result import End
from scenario.tally import Requests
from simulator.replications import once
from tests.simulator.stages import a_plan

MIX = [
    {"priority": "high", "share": 0.1},
    {"priority": "normal", "share": 0.3},
    {"priority": "low", "share": 0.6},
]
OWN_SHARES = {"high": 1.0, "normal": 0.9, "low": 0.75}


def rushed(**queue: Any) -> Requests:
    """The case study at a twentieth."""
    plan = a_plan(
        mix=MIX,
        servers=5,
        time={"mean_seconds": 0.8},
        traffic={
            "baseline_per_second": 0.5,
            "duration_seconds": 500,
            "spikes": [{"at_seconds": 20, "duration_seconds": 400, "rate_per_second": 25}],
        },
        queue={"ttl_seconds": 45, "capacity": 750, **queue},
    )
    return once(plan)[0]


def share(requests: Requests, part: int, end: End) -> float:
    ends = [each for its, each in zip(requests.part, requests.end, strict=True) if its == part]
    return ends.count(end) / len(ends)


@pytest.mark.parametrize("discipline", ["weighted", "priority"])
@pytest.mark.parametrize("admission", ["capacity", "full"])
def test_lanes_of_their_own_lose_nothing_of_the_highest(discipline: str, admission: str) -> None:
    requests = rushed(discipline=discipline, admission=admission)
    assert share(requests, 0, End.SUCCEEDED) == 1
    assert share(requests, 2, End.SUCCEEDED) < 0.25


def test_first_come_first_served_loses_all_alike() -> None:
    requests = rushed(discipline="fifo", admission="none")
    served = [share(requests, part, End.SUCCEEDED) for part in range(3)]
    assert max(served) - min(served) < 0.05


def test_weights_leave_the_lowest_something_and_strict_priority_does_not() -> None:
    """6.25/s are served; high and normal come at 2.5/s and 7.5/s."""
    weighted = rushed(discipline="weighted", admission="capacity")
    strict = rushed(discipline="priority", admission="capacity")
    of_low = [share(requests, 2, End.SUCCEEDED) for requests in (weighted, strict)]
    assert of_low[0] > 2 * of_low[1]


def test_low_work_is_turned_away_first() -> None:
    requests = rushed(admission="full")
    turned_away = [share(requests, part, End.REJECTED) for part in range(3)]
    assert turned_away[0] == 0 < turned_away[1] < turned_away[2]
