"""What clients do when the gateway refuses, resets, forgets, or never answers."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from aiohttp import web

from loadtest.client.target import Target
from loadtest.drive import Driven, drive
from loadtest.run import NotDriven
from scenario.result import End
from tests.loadtest.server import Handler, Server, nonsense, pending, problem, reset, served
from tests.loadtest.stages import a_stage

pytestmark = pytest.mark.anyio

ONE = {"baseline_per_second": 10, "duration_seconds": 0.1}  # one arrival


async def driven(server: Server, clients: dict[str, Any] | None = None, **changes: Any) -> Driven:
    return await drive(a_stage(ONE, clients, **changes), Target.of(server.url))


def ends(run: Driven) -> Counter[End]:
    return Counter(run.record.requests.end)


async def never(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


async def forgotten(request: web.Request) -> web.StreamResponse:
    """Accepted, and known to nobody."""
    return web.json_response({"id": "nobody", "status": "queued"}, status=202)


async def known(request: web.Request) -> web.StreamResponse:
    """What is asked before a run: whether there is a gateway."""
    return web.json_response({"jobs": []})


async def half_a_job(request: web.Request) -> web.StreamResponse:
    return web.json_response({"id": "half", "status": "succeeded"})


async def test_a_job_that_has_ended_is_told_with_its_times() -> None:
    async with served() as server:
        run = await driven(server)
    assert ends(run) == {End.SUCCEEDED: 1}
    told, result = run.record.requests.told[0], run.record.requests.result[0]
    assert run.record.requests.accept[0] < told
    assert result == told, "the gateway's clock says a second: nobody is told of a job before it has ended"
    assert run.record.requests.wait == [0.25]
    assert (run.record.started_at[0] - run.record.booked_at[0]) == pytest.approx(0.25)


async def test_a_lost_answer_is_asked_for_again_with_the_same_key() -> None:
    async with served() as server:
        server.submits.append(reset)
        run = await driven(server)
        first, second = server.keys()
    assert ends(run) == {End.SUCCEEDED: 1}
    assert first == second
    assert run.figures.attempts == 1


async def test_who_gets_no_answer_at_all_has_failed_and_tries_again_with_the_same_key() -> None:
    async with served() as server:
        server.submits.extend([reset] * 4)
        run = await driven(server, {"retries": 1, "retry_backoff_seconds": 0.01})
        assert len(server.keys()) == 4
        assert len(set(server.keys())) == 1
    assert ends(run) == {End.FAILED: 1}
    assert run.figures.load is not None
    assert run.figures.load["failed_by_reason"] == {"no-answer": 2}
    assert run.failures == ["the gateway answered nothing at all"]


async def test_a_refusal_is_repeated_after_as_long_as_the_gateway_says() -> None:
    async with served() as server:
        server.submits.append(problem(503, "queue-full", retry_after=1))
        run = await driven(server, {"retries": 2, "retry_backoff_seconds": 60, "honours_retry_after": True})
        assert server.keys()[0] == server.keys()[1]
    assert ends(run) == {End.SUCCEEDED: 1}
    assert run.figures.rejected_by_reason == {"queue-full": 1}
    assert run.record.requests.accept[0] >= 1
    assert run.record.accepted_at[0] - run.record.rejected_at[0] >= 1


async def test_without_retries_a_refusal_is_the_end() -> None:
    async with served() as server:
        server.submits.append(problem(503, "shedding", retry_after=1))
        run = await driven(server)
    assert ends(run) == {End.REJECTED: 1}
    assert run.figures.attempts == 1


@pytest.mark.parametrize(("status", "end"), [(422, End.REJECTED), (429, End.REJECTED), (500, End.FAILED)])
async def test_other_answers_are_told_apart(status: int, end: End) -> None:
    async with served() as server:
        server.submits.append(problem(status, "whatever"))
        run = await driven(server)
    assert ends(run) == {end: 1}


async def test_a_gateway_that_never_answers_is_given_up_and_counted() -> None:
    async with served() as server:
        server.submits.append(never)
        run = await driven(server, {"timeout_seconds": 0.3})
    assert ends(run) == {End.TIMED_OUT: 1}
    assert run.figures.accepted == 0
    assert run.figures.offered == 1


async def test_who_gives_up_a_job_looks_a_last_time_cancels_and_asks_for_another() -> None:
    async with served() as server:
        server.looks.extend([pending] * 2)
        clients = {"timeout_seconds": 0.3, "poll_seconds": 0.2, "cancels": True, "retries": 1}
        run = await driven(server, {**clients, "retry_backoff_seconds": 0.01})
        assert [each.method for each in server.asked][1:6] == ["POST", "GET", "GET", "DELETE", "POST"]
        first, second = server.keys()
    assert first != second
    assert ends(run) == {End.SUCCEEDED: 1}
    assert run.figures.attempts == 2
    assert not run.failures


async def test_a_job_given_up_that_ends_after_all_has_timed_out_and_is_not_lost() -> None:
    async with served() as server:
        server.looks.extend([pending] * 9)
        run = await driven(server, {"timeout_seconds": 0.2, "poll_seconds": 0.1})
    assert ends(run) == {End.TIMED_OUT: 1}
    assert run.record.requests.wait == [0.25], "it was started, whether or not anybody waited"
    assert not run.failures


@pytest.mark.parametrize("missing", [404, 410])
async def test_a_job_that_nobody_knows_any_more_is_lost(missing: int) -> None:
    async with served() as server:
        server.submits.append(forgotten)
        server.looks.append(problem(missing, "unknown-job"))
        run = await driven(server)
    assert ends(run) == {End.LOST: 1}
    assert run.figures.shares["lost"] == 1
    assert run.failures == ["1 of the accepted jobs never came to an end"]


async def test_a_job_that_does_not_end_by_its_deadline_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.run.TOLD_SECONDS", 0.1)
    async with served() as server:
        server.looks.extend([pending] * 9)
        server.status = "running"
        run = await driven(server, {"timeout_seconds": 0.2, "poll_seconds": 0.1})
    assert ends(run) == {End.LOST: 1}


async def test_a_gateway_that_is_away_for_a_while_has_lost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.settling.PAUSE_SECONDS", 0.01)
    async with served() as server:
        server.batches.extend([known, reset, problem(503, "broker-unavailable"), nonsense])
        server.looks.extend([pending] * 9)
        run = await driven(server, {"timeout_seconds": 0.2, "poll_seconds": 0.1})
        assert not server.batches
    assert ends(run) == {End.TIMED_OUT: 1}
    assert not run.failures


async def test_what_a_gateway_that_is_gone_does_not_say_is_not_called_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.run.TOLD_SECONDS", 0.1)
    async with served() as server:
        server.batches.extend([known, *[reset] * 99])
        server.looks.extend([pending] * 9)
        run = await driven(server, {"timeout_seconds": 0.2, "poll_seconds": 0.1})
    assert ends(run) == {End.TIMED_OUT: 1}
    assert not run.failures
    assert "the gateway did not say what became of 1 of the accepted jobs: they may be lost" in run.invalid


async def test_a_loss_is_told_also_where_another_attempt_succeeded() -> None:
    async with served() as server:
        server.submits.append(forgotten)
        server.looks.extend([pending] * 3)
        clients = {"timeout_seconds": 0.2, "poll_seconds": 0.1, "retries": 1, "retry_backoff_seconds": 0.01}
        run = await driven(server, clients)
    assert ends(run) == {End.SUCCEEDED: 1}
    assert run.failures == ["1 of the accepted jobs never came to an end"]


async def test_looks_that_fail_are_no_news() -> None:
    async with served() as server:
        server.looks.extend([reset, problem(503, "broker-unavailable"), nonsense, problem(429, "poll-too-frequent")])
        run = await driven(server)
    assert ends(run) == {End.SUCCEEDED: 1}
    assert run.figures.load is not None
    assert (run.figures.load["lost_answers"], run.figures.load["looks"]) == (1, 5)


@pytest.mark.parametrize(("status", "end"), [("failed", End.FAILED), ("expired", End.EXPIRED)])
async def test_how_a_job_ended_is_how_its_request_did(status: str, end: End) -> None:
    async with served() as server:
        server.status = status
        run = await driven(server)
    assert ends(run) == {end: 1}
    assert run.record.requests.result[0] != run.record.requests.result[0], "nan: of what succeeded alone"
    assert len(run.record.ended_at[end]) == 1


@pytest.mark.parametrize("answer", [nonsense, half_a_job])
async def test_a_success_without_a_job_has_failed(answer: Handler) -> None:
    async with served() as server:
        server.submits.append(answer)
        run = await driven(server)
    assert ends(run) == {End.FAILED: 1}
    assert run.figures.load is not None
    assert run.figures.load["failed_by_reason"] == {"malformed": 1}


async def test_a_synchronous_run_that_is_served_asynchronously_is_none() -> None:
    async with served() as server:
        with pytest.raises(NotDriven, match=r"serves echo asynchronously.*bff rollout set echo 0"):
            await driven(server, pattern="sync")


async def test_where_no_gateway_answers_there_is_no_run() -> None:
    async with served() as server:
        url = server.url
    with pytest.raises(NotDriven, match=f"no gateway answers at {url}"):
        await drive(a_stage(ONE), Target.of(url))
