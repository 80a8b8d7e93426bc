"""Mail is sent by real processes to who has not read how a job ended, and to nobody else."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import pytest
from redis import Redis

from tests.contract.calls import CART, ECHO, HI, client_of, submitted
from tests.contract.postbox import Postbox, served
from tests.contract.sockets import socket
from tests.contract.stack import Up, gateway, worker
from tests.contract.streams import stream

pytestmark = pytest.mark.anyio

TO = "mailto:orders@example.com"
Read = Callable[[httpx.AsyncClient, str], Awaitable[httpx.Response]]


class Mailing:
    """A gateway and a worker that send mail, and their outbox."""

    def __init__(self, url: str, redis_url: str, prefix: str, postbox: Postbox) -> None:
        self.url = url
        self.postbox = postbox
        self._redis = Redis.from_url(redis_url)
        self._outbox = f"{prefix}:{{c0}}:notify"

    def waits(self, job_id: str) -> bool:
        return self._redis.zscore(self._outbox, job_id) is not None

    def end_the_grace_time(self, job_id: str) -> None:
        self._redis.zadd(self._outbox, {job_id: 0}, xx=True)


@pytest.fixture(scope="module")
def mailing(stack: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailing]:
    clients = tmp_path_factory.mktemp("clients") / "clients.toml"
    clients.write_text('[clients.public]\nmail = ["orders@example.com"]\n')
    prefix = f"mail-{uuid.uuid4().hex[:8]}"
    postbox = Postbox()
    with served(postbox) as smtp:
        options = (
            f"--clients={clients}",
            f"--smtp-url=smtp://{smtp.host}:{smtp.port}",
            f"--downstream-url={stack.mock_url}",
            f"--key-prefix={prefix}",
        )
        with (
            gateway(stack.redis_url, *options) as alone,
            worker(stack.redis_url, *options, "--public-url=https://shop.example", "--mail-from=shop@shop.example"),
        ):
            yield Mailing(alone.url, stack.redis_url, prefix, postbox)


@pytest.fixture
async def api(mailing: Mailing) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(mailing.url) as client:
        yield client


async def ended(api: httpx.AsyncClient, mailing: Mailing) -> str:
    """A job whose end nobody has read."""
    job = await submitted(api, ECHO, request_notify=TO)
    while not mailing.waits(job["id"]):
        await asyncio.sleep(0.01)
    return str(job["id"])


async def test_who_has_not_read_how_it_ended_gets_a_mail_after_the_grace_time(
    api: httpx.AsyncClient, mailing: Mailing
) -> None:
    job_id = await ended(api, mailing)
    assert mailing.postbox.mails.empty()
    mailing.end_the_grace_time(job_id)
    mail = await asyncio.to_thread(mailing.postbox.next)
    assert (mail["to"], mail["from"]) == ("orders@example.com", "shop@shop.example")
    body = mail.get_body(("plain",))
    assert body
    assert f"https://shop.example/jobs/{job_id}" in body.get_content().split()


async def poll(api: httpx.AsyncClient, job_id: str) -> httpx.Response:
    return await api.get(f"/v1/jobs/{job_id}")


async def poll_unchanged(api: httpx.AsyncClient, job_id: str) -> httpx.Response:
    return await api.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": "*"})


async def long_poll(api: httpx.AsyncClient, job_id: str) -> httpx.Response:
    return await api.get(f"/v1/jobs/{job_id}?wait=5")


async def result_alone(api: httpx.AsyncClient, job_id: str) -> httpx.Response:
    return await api.get(f"/v1/jobs/{job_id}/result")


async def batch(api: httpx.AsyncClient, job_id: str) -> httpx.Response:
    return await api.get(f"/v1/jobs?id={job_id}")


async def page(api: httpx.AsyncClient, job_id: str) -> httpx.Response:
    return await api.get(f"/jobs/{job_id}", headers={"Accept": "text/html"})


async def event_stream(api: httpx.AsyncClient, job_id: str) -> httpx.Response:
    async with stream(api, job_id) as events:
        assert [event.job["status"] async for event in events.events()] == ["succeeded"]
    return events.answer


@pytest.mark.parametrize("read", [poll, poll_unchanged, long_poll, result_alone, batch, page, event_stream])
async def test_whoever_has_read_it_gets_none(api: httpx.AsyncClient, mailing: Mailing, read: Read) -> None:
    job_id = await ended(api, mailing)
    answer = await read(api, job_id)
    assert answer.is_success or answer.status_code == 304
    while mailing.waits(job_id):
        await asyncio.sleep(0.01)
    assert mailing.postbox.mails.empty()


async def test_whoever_was_told_by_websocket_gets_none(api: httpx.AsyncClient, mailing: Mailing) -> None:
    job_id = await ended(api, mailing)
    async with socket(mailing.url) as client:
        assert (await client.subscribe(job_id))["job"]["status"] == "succeeded"
    while mailing.waits(job_id):
        await asyncio.sleep(0.01)
    assert mailing.postbox.mails.empty()


async def test_whoever_got_it_with_the_answer_gets_none(api: httpx.AsyncClient, mailing: Mailing) -> None:
    answer = await api.post(ECHO, json=HI, headers={"Request-Notify": TO, "Prefer": "wait=10"})
    assert answer.status_code == 200
    while mailing.waits(answer.json()["id"]):
        await asyncio.sleep(0.01)


async def test_whoever_cancelled_it_gets_none(api: httpx.AsyncClient, mailing: Mailing) -> None:
    answer = await api.post("/v1/operations/checkout", json=CART, headers={"Request-Notify": TO})
    assert (await api.delete(answer.headers["location"])).is_success
    while mailing.waits(answer.json()["id"]):
        await asyncio.sleep(0.01)


async def test_to_have_seen_it_running_is_not_to_have_read_how_it_ended(
    api: httpx.AsyncClient, mailing: Mailing
) -> None:
    job = await submitted(api, "/v1/operations/checkout", request_notify=TO)
    seen = await poll(api, job["id"])
    while not mailing.waits(job["id"]):
        await asyncio.sleep(0.01)
    assert seen.json()["status"] in ("queued", "running"), "payments take 0.8 s"
    mailing.end_the_grace_time(job["id"])
    assert await asyncio.to_thread(mailing.postbox.next)
