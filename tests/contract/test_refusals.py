"""What is turned away at the door, nothing of it kept."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.contract.calls import CART, CHECKOUT, ECHO, HI, client_of, refused_for_now, submitted

pytestmark = pytest.mark.anyio


@pytest.fixture
async def idle(short_of_places: str) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway with ten places and nobody who works; what a test leaves there is cancelled."""
    async with client_of(short_of_places) as client:
        accepted: list[str] = []

        async def note(answer: httpx.Response) -> None:
            if answer.status_code == 202:
                accepted.append(answer.headers["x-correlation-id"])

        client.event_hooks["response"] = [note]
        yield client
        client.event_hooks["response"] = []
        await asyncio.gather(*(client.delete(f"/v1/jobs/{job_id}") for job_id in accepted))


async def filled(idle: httpx.AsyncClient, priority: str) -> httpx.Response:
    """The first refusal."""
    while (answer := await idle.post(ECHO, json=HI, headers={"Request-Priority": priority})).status_code == 202:
        pass
    return answer


async def test_a_lane_without_a_free_place_is_full(idle: httpx.AsyncClient) -> None:
    problem = refused_for_now(await filled(idle, "high"), "queue-full")
    assert problem["service"] == "echo"


async def test_lower_priorities_are_turned_away_first(idle: httpx.AsyncClient) -> None:
    for _ in range(8):
        await submitted(idle, request_priority="high")
    refused_for_now(await idle.post(ECHO, json=HI, headers={"Request-Priority": "low"}), "shedding")
    await submitted(idle, request_priority="normal")
    refused_for_now(await idle.post(ECHO, json=HI, headers={"Request-Priority": "normal"}), "shedding")
    await submitted(idle, request_priority="high")


async def test_what_cannot_be_done_in_time_is_not_accepted(api: httpx.AsyncClient) -> None:
    answer = await api.post(CHECKOUT, json=CART, headers={"Request-Timeout": "0.1"})
    problem = refused_for_now(answer, "deadline-unattainable")
    assert problem["predicted_wait_seconds"] >= 0


async def test_polls_and_cancels_are_not_shed_with_submissions(idle: httpx.AsyncClient) -> None:
    job = await submitted(idle, request_priority="high")
    await filled(idle, "high")
    assert (await idle.get(f"/v1/jobs/{job['id']}")).status_code == 200
    assert (await idle.delete(f"/v1/jobs/{job['id']}")).status_code == 200


async def test_readiness_does_not_depend_on_load(idle: httpx.AsyncClient) -> None:
    await filled(idle, "high")
    assert (await idle.get("/readyz")).status_code == 200
