"""The client for code without an event loop."""

import threading
from collections.abc import Iterator

import pytest

from bff_client import Job, JobStatus, NotCancellable, NotFound, SyncClient, TimedOut
from tests.contract.calls import HI, Json
from tests.contract.stack import Up

pytestmark = pytest.mark.usefixtures("stack")


@pytest.fixture
def bff(stack: Up) -> Iterator[SyncClient]:
    with SyncClient(stack.gateway_url) as client:
        yield client


def echoed(result: Json) -> str:
    text: str = result["echo"]["text"]
    return text


def test_a_job_is_run_submitted_watched_and_read(bff: SyncClient) -> None:
    told: list[Job] = []
    assert bff.run("echo", HI, timeout=20, on_progress=told.append).succeeded
    assert told[-1].succeeded
    assert bff.run("echo", HI, timeout=20, result=echoed) == "hi"
    accepted = bff.submit("echo", HI, priority="high")
    states = list(bff.watch(accepted))
    assert (states[0], states[-1].status) == (accepted, JobStatus.SUCCEEDED)
    assert bff.result(accepted) == {"echo": HI}
    assert bff.get(accepted.id) == bff.wait(accepted.id) == states[-1]
    with pytest.raises(NotCancellable):
        bff.cancel(accepted)
    with pytest.raises(NotFound):
        bff.get("no-such-job")


def test_a_watch_that_is_left_early_leaves_nothing_behind(bff: SyncClient) -> None:
    accepted = bff.submit("report", {"month": "2026-01"})
    for job in bff.watch(accepted):
        assert job.id == accepted.id
        break
    with pytest.raises(TimedOut):
        bff.wait(accepted, timeout=0.2)
    assert bff.cancel(accepted).status is JobStatus.CANCELLED


def test_threads_share_one_client(bff: SyncClient) -> None:
    succeeded: list[bool] = []
    threads = [
        threading.Thread(target=lambda: succeeded.append(bff.run("echo", HI, timeout=20).succeeded)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert succeeded == [True] * 8


def test_its_thread_ends_with_it(stack: Up) -> None:
    before = threading.active_count()
    with SyncClient(stack.gateway_url) as bff:
        bff.run("echo", HI, timeout=20)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
