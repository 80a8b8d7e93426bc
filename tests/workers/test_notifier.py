"""Between the outbox and the receiver: what is tried again, when, and what is given up."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from arq.connections import ArqRedis
from redis.asyncio import Redis

from bff.broker.dead_letters import DeadLetter, DeadLetters
from bff.broker.errors import BrokerUnavailable
from bff.broker.job import When
from bff.broker.jobs import Notify
from bff.broker.outbox import Outbox, Turn
from bff.catalog.clients import ClientRegister
from bff.logs import TextLines
from bff.policies.notification import AFTER_SECONDS
from tests.broker.servers import Server
from tests.contract.postbox import Postbox, served
from tests.contract.receiver import receiver, status
from tests.workers.notifying import SECRET
from tests.workers.world import SUCCESS, Scripted, World
from workers import notifier as notifier_module
from workers.mail import Mailer
from workers.notifier import MOST_IN_ARQ, Notifier
from workers.webhook import Webhooks

pytestmark = pytest.mark.anyio

CLIENTS = f'[clients.public]\nwebhook_secrets = ["{SECRET}"]\nmail = ["orders@example.com"]\n'
OTHERS = f'[clients.other]\nwebhook_secrets = ["{SECRET}"]\n'


@pytest.fixture
async def queue(server: Server, world: World) -> AsyncIterator[ArqRedis]:
    """arq's, which nobody works on."""
    pool = Redis.from_url(server.url).connection_pool
    queue = ArqRedis(pool, default_queue_name=f"{world.cell.keys.prefix}:arq", job_serializer=lambda _: b"{}")
    yield queue
    await queue.aclose(close_connection_pool=True)


class Told:
    """A world in which jobs end, and are told of."""

    def __init__(self, world: World, clients: Path, queue: ArqRedis) -> None:
        self.world = world
        self.outbox = Outbox(world.cell)
        self.clients_file = clients
        self.queue = queue
        self.metrics = world.metrics

    async def ended(self, uri: str, when: When = When.ALWAYS, client: str = "public") -> str:
        job_id = await self.world.submit(client=client, notify=Notify(uri, when))
        await self.world.performed(Scripted(SUCCESS))
        return job_id

    async def turn(self, job_id: str) -> Turn:
        self.world.redis.zadd(self.world.cell.keys.notify(), {job_id: 0}, xx=True)
        turns = {turn.job_id: turn for turn in await self.outbox.hand_over(100)}
        return turns[job_id]

    def notifier(self, webhooks: Webhooks, mailer: Mailer | None = None) -> Notifier:
        return Notifier(self.outbox, ClientRegister(self.clients_file), webhooks, mailer, self.metrics, self.queue)

    async def attempt(self, job_id: str, *origins: str, mailer: Mailer | None = None) -> None:
        webhooks = Webhooks(frozenset(origins))
        try:
            await self.notifier(webhooks, mailer).deliver(await self.turn(job_id))
        finally:
            await webhooks.aclose()

    def due_in_seconds(self, job_id: str) -> float | None:
        due_ms = self.world.redis.zscore(self.world.cell.keys.notify(), job_id)
        seconds, micros = self.world.redis.time()
        return None if due_ms is None else due_ms / 1000 - seconds - micros / 1e6

    def delivered(self, channel: str) -> float:
        return self.metrics.registry.get_sample_value("bff_retrievals_total", {"channel": channel}) or 0

    async def letters(self) -> list[DeadLetter]:
        return [letter async for letter in DeadLetters(self.world.cell).all()]


@pytest.fixture
def told(world: World, tmp_path: Path, queue: ArqRedis) -> Told:
    clients = tmp_path / "clients.toml"
    clients.write_text(CLIENTS)
    return Told(world, clients, queue)


async def test_what_was_delivered_is_counted_and_over(told: Told) -> None:
    with receiver() as hook:
        job_id = await told.ended(hook.origin)
        await told.attempt(job_id, hook.origin)
    assert hook.next().id == job_id
    assert told.delivered("webhook") == 1
    assert told.due_in_seconds(job_id) is None


async def test_what_failed_comes_again_under_the_same_id(told: Told) -> None:
    with receiver(status(500), status(200)) as hook:
        job_id = await told.ended(hook.origin)
        await told.attempt(job_id, hook.origin)
        due = told.due_in_seconds(job_id)
        assert due is not None
        assert 2 < due <= 5
        assert told.delivered("webhook") == 0
        await told.attempt(job_id, hook.origin)
        first, second = hook.next(), hook.next()
    assert first.id == second.id == job_id
    assert second.verified(SECRET)
    assert told.due_in_seconds(job_id) is None


async def test_the_receiver_says_when(told: Told) -> None:
    with receiver(status(503, retry_after="900")) as hook:
        job_id = await told.ended(hook.origin)
        await told.attempt(job_id, hook.origin)
    due = told.due_in_seconds(job_id)
    assert due is not None
    assert 890 < due <= 900


async def test_a_receiver_that_wants_no_more_gets_no_more_and_is_nobodys_business(told: Told) -> None:
    with receiver(status(410)) as hook:
        job_id = await told.ended(hook.origin)
        await told.attempt(job_id, hook.origin)
    assert told.due_in_seconds(job_id) is None
    assert await told.letters() == []


async def test_after_the_last_attempt_it_is_for_an_operator(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    with receiver(status(500)) as hook, caplog.at_level(logging.WARNING):
        caplog.handler.setFormatter(TextLines())
        job_id = await told.ended(f"{hook.origin}/secret-path?token=x")
        for _ in range(len(AFTER_SECONDS) + 1):
            assert await told.letters() == []
            await told.attempt(job_id, hook.origin)
        lines = [line for line in caplog.text.splitlines() if notifier_module.log.name in line]
        assert len(lines) == len(AFTER_SECONDS) + 1, "one for each failed attempt"
        [letter] = await told.letters()
        assert (letter.service, letter.receiver, letter.error, letter.attempts) == (
            "webhook",
            hook.origin,
            "http-500",
            11,
        )
        assert told.due_in_seconds(job_id) is None
        assert f"webhook to {hook.origin}: http-500 correlation_id={job_id} " in lines[0]
        assert " attempt=1 " in lines[0]
        assert "secret-path" not in caplog.text
        assert "secret-path" not in str(letter)
        hook.answers[:] = [status(200)]
        assert await DeadLetters(told.world.cell).replay(letter) == job_id
        await told.attempt(job_id, hook.origin)
        assert {hook.next().id for _ in range(12)} == {job_id}
    assert told.delivered("webhook") == 1


async def test_what_is_not_allowed_any_more_is_for_an_operator_at_once(told: Told) -> None:
    with receiver() as hook:
        job_id = await told.ended(hook.origin)
        await told.attempt(job_id)
        assert hook.deliveries.empty()
    [letter] = await told.letters()
    assert letter.error == "url-not-allowed"


async def test_a_secret_that_was_taken_away_may_come_back(told: Told) -> None:
    told.clients_file.write_text("")
    with receiver() as hook:
        job_id = await told.ended(hook.origin)
        await told.attempt(job_id, hook.origin)
        assert hook.deliveries.empty()
        told.clients_file.write_text(CLIENTS)
        await told.attempt(job_id, hook.origin)
        assert hook.next().verified(SECRET)


async def test_mail_goes_out_to_the_address_as_it_is_registered(told: Told) -> None:
    postbox = Postbox()
    with served(postbox) as smtp:
        job_id = await told.ended("mailto:Orders@Example.com", When.UNCLAIMED)
        await told.attempt(job_id, mailer=Mailer(smtp, "a@b.example", "https://shop.example"))
    assert postbox.next()["to"] == "orders@example.com"
    assert told.delivered("mail") == 1


async def test_mail_to_an_address_that_is_not_registered_any_more_is_not_sent(told: Told) -> None:
    postbox = Postbox()
    told.clients_file.write_text(CLIENTS.replace("orders@", "others@"))
    with served(postbox) as smtp:
        job_id = await told.ended("mailto:orders@example.com")
        await told.attempt(job_id, mailer=Mailer(smtp, "a@b.example", "https://shop.example"))
    assert postbox.mails.empty()
    [letter] = await told.letters()
    assert (letter.service, letter.receiver, letter.error) == ("mail", "example.com", "not-registered")


async def test_a_worker_without_a_mail_server_leaves_it_for_one_that_has(told: Told) -> None:
    job_id = await told.ended("mailto:orders@example.com")
    await told.attempt(job_id)
    assert told.due_in_seconds(job_id) is not None
    assert await told.letters() == []


async def test_a_receiver_that_hangs_leaves_room_for_the_others(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier_module, "MOST_FOR_ONE_RECEIVER", 1)
    may_answer = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(handler: object) -> None:
        asyncio.run_coroutine_threadsafe(may_answer.wait(), loop).result(10)
        status(200)(handler)  # type: ignore[arg-type]

    with receiver(slow) as hanging, receiver() as other:
        webhooks = Webhooks(frozenset([hanging.origin, other.origin]))
        notifier = told.notifier(webhooks)
        first, second, third = [await told.ended(origin) for origin in (hanging.origin, hanging.origin, other.origin)]
        turns = {job_id: await told.turn(job_id) for job_id in (first, second, third)}
        held = asyncio.create_task(notifier.deliver(turns[first]))
        await told.world.until(lambda: not hanging.deliveries.empty())
        await notifier.deliver(turns[second])
        await notifier.deliver(turns[third])
        assert other.next().id == third
        assert hanging.deliveries.qsize() == 1
        due = told.due_in_seconds(second)
        assert due is not None
        assert due <= 1
        may_answer.set()
        await held
        await told.attempt(second, hanging.origin)
        assert {hanging.next().id, hanging.next().id} == {first, second}
        await webhooks.aclose()


async def test_a_client_with_many_receivers_that_hang_leaves_room_for_other_clients(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier_module, "MOST_FOR_ONE_CLIENT", 1)
    told.clients_file.write_text(CLIENTS + OTHERS)
    may_answer = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(handler: object) -> None:
        asyncio.run_coroutine_threadsafe(may_answer.wait(), loop).result(10)
        status(200)(handler)  # type: ignore[arg-type]

    with receiver(slow) as hanging, receiver() as another, receiver() as others:
        webhooks = Webhooks(frozenset([hanging.origin, another.origin, others.origin]))
        notifier = told.notifier(webhooks)
        first, second = [await told.ended(hook.origin) for hook in (hanging, another)]
        third = await told.ended(others.origin, client="other")
        held = asyncio.create_task(notifier.deliver(await told.turn(first)))
        await told.world.until(lambda: not hanging.deliveries.empty())
        await notifier.deliver(await told.turn(second))
        await notifier.deliver(await told.turn(third))
        assert others.next().id == third
        assert another.deliveries.empty()
        may_answer.set()
        await held
        await notifier.deliver(await told.turn(second))
        assert another.next().id == second
        await webhooks.aclose()


async def test_a_worker_that_ends_lets_run_what_runs_and_leaves_the_rest(told: Told) -> None:
    with receiver() as hook:
        webhooks = Webhooks(frozenset([hook.origin]))
        notifier = told.notifier(webhooks)
        first, second = await told.ended(hook.origin), await told.ended(hook.origin)
        turns = [await told.turn(first), await told.turn(second)]
        running = asyncio.create_task(notifier.deliver(turns[0]))
        await told.world.until(lambda: not hook.deliveries.empty())
        notifier.stop()
        await notifier.deliver(turns[1])
        await notifier.drained(5)
        await running
        assert told.due_in_seconds(first) is None
        due = told.due_in_seconds(second)
        assert due is not None
        assert due <= 0, "another worker can have it at once"
        await webhooks.aclose()


async def test_all_that_is_due_is_handed_over_at_once(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier_module, "BATCH", 2)
    webhooks = Webhooks(frozenset())
    job_ids = [await told.ended("https://hooks.example") for _ in range(5)]
    await told.notifier(webhooks).hand_over()
    queued = await told.queue.zrange(told.queue.default_queue_name, 0, -1)
    assert sorted(member.decode() for member in queued) == sorted(f"{job_id}:1" for job_id in job_ids)
    await webhooks.aclose()


async def test_a_queue_that_cannot_be_reached_is_waited_for(told: Told) -> None:
    webhooks = Webhooks(frozenset())
    told.queue = ArqRedis(Redis(host="127.0.0.1", port=1).connection_pool, default_queue_name="arq")
    with pytest.raises(BrokerUnavailable):
        await told.notifier(webhooks).hand_over()
    await webhooks.aclose()


async def test_no_more_is_handed_over_than_arq_can_do(told: Told) -> None:
    webhooks = Webhooks(frozenset())
    notifier = told.notifier(webhooks)
    job_id = await told.ended("https://hooks.example")
    await told.queue.zadd(told.queue.default_queue_name, {f"x{n}": 1 for n in range(MOST_IN_ARQ + 1)})
    await notifier.hand_over()
    due = told.due_in_seconds(job_id)
    assert due is not None
    assert due <= 0
    await told.queue.zrem(told.queue.default_queue_name, "x0", "x1")
    await notifier.hand_over()
    assert await told.queue.zscore(told.queue.default_queue_name, f"{job_id}:1")
    due = told.due_in_seconds(job_id)
    assert due is not None
    assert due > 20, "with a lease"
    await webhooks.aclose()
