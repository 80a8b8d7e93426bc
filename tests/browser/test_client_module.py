"""The JavaScript module in a real browser, against the whole stack, with one channel after the other broken."""

import asyncio
import re
import time
from typing import Any

import httpx
import pytest
from playwright.async_api import Page

from tests.client.front import Fault, Front, Kind
from tests.contract.calls import CART, HI, Json, Steer, constant, hour_old_id

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("mock")]

CHANNELS = [Kind.WEBSOCKET, Kind.SSE, Kind.LONG_POLL, Kind.POLL]

HASTY = """
const { Bff, ...bffErrors } = await import("/static/client.js");
const hasty = {
  answerSeconds: 5, trialSeconds: 0.5, silenceSeconds: 1, holdSeconds: 2, marginSeconds: 1, unreachableSeconds: 3,
};
"""


class Script:
    """What a page of the gateway's own origin does with the module."""

    def __init__(self, page: Page, front: Front) -> None:
        self.page = page
        self.front = front

    async def open(self) -> None:
        """A page whose policy lets in what comes from the gateway, without its own scripts, which take seconds."""
        await self.page.route(re.compile("/swagger-ui/|/docs.js"), lambda route: route.abort())
        await self.page.goto(f"{self.front.url}/docs")
        await self.page.evaluate(
            f"""async () => {{ {HASTY}
              window.bff = new Bff({{ patience: hasty }});
              window.bffErrors = bffErrors;
              window.told = [];
              window.begun = new Promise((resolve) => window.begin = resolve);
              window.tell = (job) => {{
                told.push([job.version, job.status, job.progress.done]);
                if (job.progress.done) begin();
              }};
              window.caught = (promise) => promise.then(() => "nothing", (error) => ({{
                name: error.name, message: error.message, errors: error.problem?.errors, job: error.job?.status,
                isBff: error instanceof bffErrors.BffError,
              }}));
            }}"""
        )

    async def __call__(self, expression: str, *values: Any) -> Any:
        return await self.page.evaluate(f"async (given) => {{ return {expression}; }}", list(values))


@pytest.fixture
async def script(page: Page, front: Front) -> Script:
    script = Script(page, front)
    await script.open()
    front.seen.clear()
    front.heads.clear()
    return script


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_job_is_run_by_each_channel_alone(script: Script, front: Front, channel: Kind) -> None:
    said = {
        "text": "one\ntwo\r\nthree\u2028four\x85five \U0001f600 data: {}"
    }  # what may be taken for the end of a line
    job = await script("bff.run('echo', given[0], { timeout: 20, channels: [given[1]] })", said, channel)
    assert (job["status"], job["result"]) == ("succeeded", {"echo": said})
    tickets = {Kind.OTHER} if channel is Kind.WEBSOCKET else set()
    assert {kind for kind in Kind if front.seen[kind]} == {Kind.SUBMIT, channel} | tickets


@pytest.mark.parametrize("channel", CHANNELS)
async def test_progress_is_told_in_order_and_once_from_the_202_to_the_end(
    script: Script, steer: Steer, channel: Kind
) -> None:
    await steer("payments", latency=constant(2.2))  # in which a poll brings nothing new
    options = "{ timeout: 30, onProgress: tell, channels: [given[1]] }"
    job = await script(f"bff.run('checkout', given[0], {options})", CART, channel)
    told = await script("told")
    assert told[0] == [0, "queued", 0]
    assert [version for version, *_ in told] == sorted({version for version, *_ in told})
    assert told[-1] == [job["version"], "succeeded", 3]


@pytest.mark.parametrize("fault", [Fault.CLOSED, Fault.SILENT, Fault.ERROR_PAGE, Fault.LOGIN_PAGE, Fault.BUSY])
@pytest.mark.parametrize("broken", [1, 2, 3])
async def test_a_channel_that_does_not_work_here_gives_way_to_the_next(
    script: Script, front: Front, steer: Steer, broken: int, fault: Fault
) -> None:
    await steer("echo", latency=constant(0.2))
    front.faults = dict.fromkeys(CHANNELS[:broken], fault)
    job = await script("bff.run('echo', given[0], { timeout: 20 })", HI)
    assert job["status"] == "succeeded"
    assert front.seen[CHANNELS[broken]] >= 1
    assert not [channel for channel in CHANNELS[broken + 1 :] if front.seen[channel]]


async def test_where_no_ticket_is_to_be_had_there_is_no_socket(script: Script, front: Front) -> None:
    front.faults[Kind.OTHER] = Fault.ERROR_PAGE
    assert (await script("bff.run('echo', given[0], { timeout: 20 })", HI))["status"] == "succeeded"
    assert (front.seen[Kind.WEBSOCKET], front.seen[Kind.SSE]) == (0, 1)


@pytest.mark.parametrize("channel", CHANNELS[:3])
@pytest.mark.parametrize("strike", ["cut", "strand"])
async def test_a_connection_that_is_lost_in_the_middle_of_a_wait_loses_no_news(
    script: Script, front: Front, steer: Steer, api: httpx.AsyncClient, channel: Kind, strike: str
) -> None:
    await steer("payments", latency=constant(30))
    job = await script("bff.submit('checkout', given[0])", CART)
    channels = CHANNELS[CHANNELS.index(channel) :]
    waiting = asyncio.create_task(script("bff.wait(given[0], { channels: given[1], onChange: tell })", job, channels))
    await script("begun")
    await front.until(lambda: front.open(channel) == 1)
    getattr(front, strike)(channel)
    await api.delete(f"/v1/jobs/{job['id']}")
    async with asyncio.timeout(45):
        assert (await waiting)["status"] == "cancelled"
    versions = [version for version, *_ in await script("told")]
    assert versions == sorted(set(versions))


async def test_a_wait_is_over_as_soon_as_its_event_stream_is(script: Script) -> None:
    """The pause before one is opened anew is none that a wait is to end with."""
    waited = await script(
        """(async () => {
          Math.random = () => 0.999;
          let told;
          const onProgress = () => told = performance.now();
          await bff.run("echo", given[0], { timeout: 20, channels: ["sse"], onProgress });
          return performance.now() - told;
        })()""",
        HI,
    )
    assert waited < 500


async def test_all_waits_of_a_client_share_one_socket(script: Script, front: Front, steer: Steer) -> None:
    await steer("echo", latency=constant(0.5))
    run = "Promise.all(Array.from({ length: 20 }, () => bff.run('echo', given[0], { timeout: 30 })))"
    jobs: list[Json] = await script(run, HI)
    assert len({job["id"] for job in jobs}) == 20
    assert (front.seen[Kind.WEBSOCKET], front.seen[Kind.SSE], front.seen[Kind.POLL]) == (1, 0, 0)


async def test_what_was_refused_or_lost_is_sent_again_under_the_same_key(script: Script, front: Front) -> None:
    front.once[Kind.SUBMIT] = [Fault.BUSY, Fault.ERROR_PAGE, Fault.CLOSED]
    job = await script("bff.run('echo', given[0], { timeout: 20 })", HI)
    assert job["status"] == "succeeded"
    keys = front.headers(Kind.SUBMIT, "idempotency-key")
    assert len(keys) == front.seen[Kind.SUBMIT] >= 4  # Chromium itself repeats what was closed unanswered
    assert len(set(keys)) == 1
    told = [float(value) for value in front.headers(Kind.SUBMIT, "request-timeout")]
    assert 18 < told[0] < 20
    assert told == sorted(told, reverse=True)


async def test_a_wait_ends_when_the_callers_time_does(script: Script, steer: Steer, api: httpx.AsyncClient) -> None:
    await steer("payments", latency=constant(30))
    job = await script("bff.submit('checkout', given[0])", CART)
    begun = time.monotonic()
    error = await script("caught(bff.wait(given[0].id, { timeout: 1 }))", job)
    assert 0.9 < time.monotonic() - begun < 20  # the job's own deadline is 60 s
    assert (error["name"], error["job"], error["isBff"]) == ("TimedOut", "running", True)
    await api.delete(f"/v1/jobs/{job['id']}")


async def test_aborting_cancels_the_job_where_that_is_asked(script: Script, steer: Steer, front: Front) -> None:
    await steer("payments", latency=constant(30))
    error = await script(
        """(async () => {
          const stop = new AbortController();
          const stopping = (job) => { tell(job); window.job = job; if (job.progress.done === 1) stop.abort(); };
          const options = { onProgress: stopping, signal: stop.signal, cancelOnTimeout: true };
          return await caught(bff.run("checkout", given[0], options));
        })()""",
        CART,
    )
    assert error["name"] == "AbortError"
    await front.until(lambda: front.seen[Kind.CANCEL] == 1)
    assert (await script("bff.wait(job.id, { timeout: 10 })"))["status"] == "cancelled"


async def test_aborting_ends_the_wait_and_leaves_the_job_where_nothing_else_is_asked(
    script: Script, steer: Steer, front: Front
) -> None:
    await steer("payments", latency=constant(30))
    error = await script(
        """(async () => {
          window.job = await bff.submit("checkout", given[0]);
          return await caught(bff.wait(job, { signal: AbortSignal.timeout(500) }));
        })()""",
        CART,
    )
    assert error["name"] == "TimeoutError"
    assert front.seen[Kind.CANCEL] == 0
    assert (await script("bff.cancel(job)"))["status"] == "cancelled"


async def test_a_job_is_watched_read_and_not_cancelled_after_its_end(script: Script) -> None:
    states = await script(
        """(async () => {
          const states = [];
          for await (const job of bff.watch((await bff.submit("echo", given[0])).id)) states.push(job);
          return states;
        })()""",
        HI,
    )
    assert states[-1]["status"] == "succeeded"
    assert await script("bff.get(given[0])", states[-1]["id"]) == states[-1]
    assert (await script("caught(bff.cancel(given[0]))", states[-1]))["name"] == "NotCancellable"


async def test_errors_say_what_and_where(script: Script, steer: Steer, front: Front) -> None:
    wrong = await script("caught(bff.run('echo', { text: '' }))")
    assert (wrong["name"], wrong["errors"][0]["pointer"]) == ("Invalid", "/text")
    assert front.seen[Kind.SUBMIT] == 1
    for channel in CHANNELS:
        unknown = await script("caught(bff.wait(given[0], { channels: [given[1]] }))", hour_old_id(0), channel)
        assert unknown["name"] == "NotFound"
    await steer("echo", latency=constant(0), error_rate=1, error_status=400)
    failed = await script("caught(bff.run('echo', given[0], { timeout: 20 }))", HI)
    assert (failed["name"], failed["job"]) == ("JobEnded", "failed")


async def test_a_gateway_that_is_gone_is_given_up_after_a_while(script: Script, front: Front, steer: Steer) -> None:
    await steer("payments", latency=constant(30))
    job = await script("bff.submit('checkout', given[0])", CART)
    waiting = asyncio.create_task(script("caught(bff.wait(given[0]))", job))
    await front.until(lambda: front.open(Kind.WEBSOCKET) == 1)
    front.faults = dict.fromkeys([*CHANNELS, Kind.OTHER], Fault.CLOSED)
    front.cut(Kind.WEBSOCKET)
    assert (await waiting)["name"] == "Unreachable"
    front.faults = {}
    await script("bff.cancel(given[0])", job)
