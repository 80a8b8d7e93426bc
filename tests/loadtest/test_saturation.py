from dataclasses import replace

import pytest

from loadtest.saturation import Sender, saturated

WELL = Sender(
    offered_per_second=500,
    achieved_per_second=500,
    lag_p50_seconds=0.001,
    lag_p95_seconds=0.002,
    lag_p99_seconds=0.05,
    lag_max_seconds=0.4,
    busy_share=0.95,
)


def test_a_sender_within_its_bounds_measured_the_stack() -> None:
    assert saturated(WELL) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lag_p99_seconds": 0.051}, "one request in a hundred was sent 51 ms late or more (allowed: 50 ms)"),
        ({"achieved_per_second": 494.9}, "494.9 requests a second were sent of 500.0 (at least: 99%)"),
        (
            {"busy_share": 0.96},
            "the load tester kept its core busy for 96% of the time (allowed: 95%): latencies are its own",
        ),
    ],
)
def test_one_that_did_not_keep_up_says_in_what(changes: dict[str, float], reason: str) -> None:
    assert saturated(replace(WELL, **changes)) == [reason]


def test_every_reason_is_said() -> None:
    assert len(saturated(replace(WELL, lag_p99_seconds=2.0, achieved_per_second=300, busy_share=1.0))) == 3
