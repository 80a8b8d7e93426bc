"""Telling clients of the ends of their jobs: the outbox hands over, arq performs, the outbox is told."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from arq.connections import ArqRedis

from bff.broker.errors import BrokerUnavailable
from bff.broker.job import Medium
from bff.broker.link import LOST
from bff.broker.outbox import Notification, Outbox, Turn
from bff.catalog.clients import ClientRegister
from bff.failpoints import Point, failpoint
from bff.logs import about
from bff.policies.destination import Mail, NotAllowed, Webhook, destination_of
from bff.policies.notification import next_delay_ms
from bff.trace.context import trace_of_job
from bff.trace.span import Kind, Span, span
from workers.attempt import Attempt, Verdict
from workers.mail import Mailer
from workers.metrics import Metrics
from workers.webhook import Webhooks

log = logging.getLogger(__name__)

MOST_IN_ARQ = 200
"""Handed over and not done, over all workers: what waits, waits in the outbox. arq may do more: its cron too."""
BATCH = 50
MOST_FOR_ONE_RECEIVER = 20
"""At once in this process, so that one that hangs leaves room for the others."""
MOST_FOR_ONE_CLIENT = 60
"""The same, of one client, which may have any number of receivers that hang."""
CROWDED_MS = 1000
TELL_AGAIN_SECONDS = 0.5
TELL_SECONDS = 5.0


class Notifier:
    def __init__(
        self,
        outbox: Outbox,
        clients: ClientRegister,
        webhooks: Webhooks,
        mailer: Mailer | None,
        metrics: Metrics,
        queue: ArqRedis,
    ) -> None:
        self._outbox = outbox
        self._clients = clients
        self._webhooks = webhooks
        self._mailer = mailer
        self._metrics = metrics
        self._queue = queue
        self._receivers: Counter[str] = Counter()
        self._owners: Counter[str] = Counter()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False

    async def hand_over(self) -> None:
        """Give arq what is due. Raises BrokerUnavailable."""
        try:
            await self._fill_queue()
        except LOST as error:  # the pool waits for Redis, but not in the middle of a transaction (WatchError)
            raise BrokerUnavailable(f"arq's queue cannot be reached: {type(error).__name__}") from error

    async def _fill_queue(self) -> None:
        while not self._stopping:
            room = MOST_IN_ARQ - await self._queue.zcard(self._queue.default_queue_name)
            if room <= 0:
                return
            turns = await self._outbox.hand_over(min(room, BATCH))
            for turn in turns:
                job_id = f"{turn.job_id}:{turn.number}"
                await self._queue.enqueue_job(deliver.__name__, turn.job_id, turn.number, _job_id=job_id)
            if len(turns) < BATCH:
                return

    async def deliver(self, turn: Turn) -> None:
        """One attempt. What cannot be told to the broker comes again when the turn's lease is over."""
        if self._stopping:
            await self._told(self._outbox.untried, turn, 0)
            return
        notification = await self._outbox.begin(turn)
        if notification is None:
            return
        try:
            destination = destination_of(notification.uri)
        except NotAllowed:  # of a gateway that allows more
            await self._bury(turn, Medium.WEBHOOK, "", "url-not-allowed")
            return
        with self._counted(_receiver(destination), notification.job.client) as crowded:
            if crowded:
                await self._told(self._outbox.untried, turn, CROWDED_MS)
            else:
                await self._attempt(turn, notification, destination)

    def stop(self) -> None:
        self._stopping = True

    async def drained(self, seconds: float) -> None:
        """What is being sent may come to its end for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    async def _attempt(self, turn: Turn, notification: Notification, destination: Webhook | Mail) -> None:
        medium = Medium.MAIL if isinstance(destination, Mail) else Medium.WEBHOOK
        receiver = _receiver(destination)
        failpoint(Point.BEFORE_DELIVERY)
        with _delivery(medium, notification) as delivery:
            traceparent, tracestate = delivery.context
            carrying = replace(notification, traceparent=traceparent, tracestate=tracestate)
            attempt = await self._sent(carrying, destination)
            delivered = attempt.verdict is Verdict.DELIVERED
            told = attempt.error or attempt.verdict
            delivery.came_to(told, failed=not delivered)
            log.log(logging.DEBUG if delivered else logging.WARNING, "%s to %s: %s", medium, receiver, told)
        failpoint(Point.AFTER_DELIVERY)
        if delivered:
            self._metrics.retrieved(medium)
            await self._told(self._outbox.delivered, turn)
            return
        delay_ms = next_delay_ms(notification.attempt, attempt.retry_after_ms, random.random)
        if attempt.verdict is Verdict.UNWANTED:
            await self._told(self._outbox.drop, turn)
        elif attempt.verdict is Verdict.REFUSED or delay_ms is None:
            await self._bury(turn, medium, receiver, attempt.error)
        else:
            await self._told(self._outbox.again, turn, delay_ms)

    async def _sent(self, notification: Notification, destination: Webhook | Mail) -> Attempt:
        client = self._clients.now().by_name.get(notification.job.client)
        if isinstance(destination, Mail):
            address = client.registered(destination.address) if client else None
            if address is None:
                return Attempt(Verdict.REFUSED, "not-registered")
            if self._mailer is None:
                return Attempt(Verdict.FAILED, "mail-not-set-up")
            return await self._mailer.send(Mail(address), notification.job)
        return await self._webhooks.send(destination, client.webhook_secrets if client else (), notification)

    async def _bury(self, turn: Turn, medium: Medium, receiver: str, error: str) -> None:
        async def bury(turn: Turn) -> None:
            await self._outbox.bury(turn, medium=medium, receiver=receiver, error=error)

        await self._told(bury, turn)

    async def _told(self, tell: Any, turn: Turn, *more: int) -> None:
        """Tell the broker, again where it does not answer: telling twice changes nothing."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + TELL_SECONDS
        while True:
            try:
                await tell(turn, *more)
                return
            except BrokerUnavailable:
                if loop.time() >= give_up_at:
                    raise
            await asyncio.sleep(TELL_AGAIN_SECONDS)

    @contextmanager
    def _counted(self, receiver: str, client: str) -> Iterator[bool]:
        """Whether so much is on its way to this receiver, or of this client, that nothing more should be."""
        crowded = self._receivers[receiver] >= MOST_FOR_ONE_RECEIVER or self._owners[client] >= MOST_FOR_ONE_CLIENT
        self._receivers[receiver] += 1
        self._owners[client] += 1
        self._idle.clear()
        try:
            yield crowded
        finally:
            self._receivers[receiver] -= 1
            self._owners[client] -= 1
            self._receivers += Counter()  # forgets those at zero
            self._owners += Counter()
            if not self._receivers:
                self._idle.set()


def _delivery(medium: Medium, notification: Notification) -> Span:
    job = notification.job
    return span(
        f"deliver {medium}",
        Kind.CLIENT,
        parent=trace_of_job(job.id, notification.traceparent, notification.tracestate),
        correlation_id=job.id,
        operation=job.operation,
        priority=job.priority,
        mode=job.mode,
        client=job.client,
        service=medium,
        attempt=notification.attempt,
    )


def _receiver(destination: Webhook | Mail) -> str:
    """For logs and operators: without what might be a secret."""
    return destination.domain if isinstance(destination, Mail) else destination.origin


async def deliver(ctx: dict[Any, Any], job_id: str, number: int) -> None:
    """arq's job: one attempt at one notification."""
    notifier: Notifier = ctx["notifier"]
    try:
        await notifier.deliver(Turn(job_id, number))
    except BrokerUnavailable as error:
        log.warning("a notification waits for the broker: %s", error, extra=about(correlation_id=job_id))
