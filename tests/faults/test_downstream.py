"""Services that fail in every way: the right outcome, what was done is undone, nothing is done twice."""

from typing import Any

import pytest

from tests.faults.cluster import Cluster

pytestmark = pytest.mark.anyio

FAILING: dict[str, dict[str, Any]] = {
    "500": {"error_rate": 1, "error_status": 500},
    "400": {"error_rate": 1, "error_status": 400},
    "429": {"error_rate": 1, "error_status": 429, "retry_after_seconds": 0.1},
    "hang": {"hang_rate": 1},
}
BROKEN_ANSWERS: dict[str, dict[str, Any]] = {"reset": {"reset_rate": 1}, "garbage": {"garbage_rate": 1}}


@pytest.mark.parametrize("fault", FAILING)
async def test_a_job_whose_last_call_fails_is_undone_in_reverse_order(cluster: Cluster, fault: str) -> None:
    await cluster.steer("orders", **FAILING[fault])
    await cluster.start_worker()
    [job] = await cluster.ended([await cluster.checkout()])
    assert job["status"] == "failed"
    assert job["calls"]["confirm"]["attempts"] == {"400": 1, "429": 13}.get(fault, 3)
    await cluster.at_rest()
    calls = (await cluster.job(job["id"]))["calls"]
    assert list(calls) == ["reserve", "charge", "confirm", "refund", "release"]
    assert [calls[name]["status"] for name in ("refund", "release")] == ["succeeded", "succeeded"]
    assert [(await cluster.counted(service))["effects"] for service in ("inventory", "payments", "orders")] == [2, 2, 0]
    await cluster.no_effect_twice()


@pytest.mark.parametrize("fault", BROKEN_ANSWERS)
async def test_an_answer_that_breaks_is_asked_for_again_and_the_work_done_once(cluster: Cluster, fault: str) -> None:
    await cluster.steer("payments", **BROKEN_ANSWERS[fault])
    await cluster.start_worker()
    [job] = await cluster.ended([await cluster.checkout()])
    assert (job["status"], job["calls"]["charge"]["attempts"]) == ("succeeded", 2)
    assert (await cluster.counted("payments"))["effects"] == 1
    await cluster.at_rest()


async def test_a_charge_of_unknown_outcome_is_refunded_as_soon_as_that_works(cluster: Cluster) -> None:
    await cluster.steer("payments", error_rate=1, error_status=500)
    await cluster.start_worker()
    [job] = await cluster.ended([await cluster.checkout()])
    assert (job["status"], job["calls"]["charge"]["status"]) == ("failed", "failed")
    await cluster.steer("payments", error_rate=0)
    await cluster.at_rest()
    calls = (await cluster.job(job["id"]))["calls"]
    assert [calls[name]["status"] for name in ("refund", "release")] == ["succeeded", "succeeded"]


async def test_a_service_that_pushes_back_rests_as_long_as_it_asked(cluster: Cluster) -> None:
    await cluster.steer("echo", error_rate=1, error_status=429, retry_after_seconds=1)
    await cluster.start_worker()
    job_ids = [await cluster.submit("echo", {"text": "hi"})]

    async def was_called() -> bool:
        return (await cluster.counted("echo"))["calls"] == 1

    await cluster.until(was_called, "echo was called")
    await cluster.steer("echo", error_rate=0)
    job_ids += [await cluster.submit("echo", {"text": str(number)}) for number in range(5)]
    jobs = await cluster.ended(job_ids)
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert (await cluster.counted("echo"))["calls"] == 1 + 6
    await cluster.at_rest()


async def test_cancelling_a_running_checkout_undoes_what_was_done(cluster: Cluster) -> None:
    await cluster.steer("payments", seconds=0.6)
    await cluster.start_worker()
    job_id = await cluster.checkout()
    await cluster.until_called("payments")
    answer = await cluster.http.delete(f"/v1/jobs/{job_id}")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    charged = (await cluster.counted("payments"))["effects"]
    assert charged == 0, "the charge is still under way"
    await cluster.at_rest()
    job = await cluster.job(job_id)
    assert job["status"] == "cancelled"
    assert [job["calls"][name]["status"] for name in ("refund", "release")] == ["succeeded", "succeeded"]
    effects = [(await cluster.counted(service))["effects"] for service in ("inventory", "payments")]
    assert effects == [2, 2], "the refund came after the charge, not before it"


async def test_cancelling_breaks_off_a_call_that_has_nothing_to_undo(cluster: Cluster) -> None:
    await cluster.steer("echo", hang_rate=1)
    await cluster.start_worker()
    job_id = await cluster.submit("echo", {"text": "hi"})
    await cluster.until_called("echo")
    assert (await cluster.http.delete(f"/v1/jobs/{job_id}")).status_code == 202
    await cluster.at_rest()
    assert (await cluster.job(job_id))["calls"]["echo"]["status"] == "cancelled"
