"""One worker process: arq runs it and its cron; the lanes are consumed beside, from Redis Streams (see ADR 1)."""

import asyncio
import json
import logging
import os
import signal
import sys
from contextlib import AsyncExitStack, suppress
from types import FrameType
from typing import Any

import uvloop
from arq import cron, func
from arq.connections import ArqRedis
from arq.worker import create_worker

from bff.broker.arrivals import Arrivals
from bff.broker.background import background
from bff.broker.connect import Broker, connected
from bff.broker.duty import repeat
from bff.broker.lanes import Lanes
from bff.broker.outbox import Outbox
from bff.broker.patient import PatientPipeline, patient_pool
from bff.broker.workers import EVERY_SECONDS as BEAT_SECONDS
from bff.calls.perform import Performer
from bff.catalog.catalog import Catalog, load_catalog
from bff.catalog.clients import ClientRegister
from bff.catalog.tables import CatalogError
from bff.downstream.client import Downstream
from bff.garbage import spare_what_stays
from bff.logs import log_to_stderr
from bff.policies.smtp import smtp_server_of
from bff.trace.start import traced
from workers.breakers import EVERY_SECONDS as BREAKERS_SECONDS
from workers.breakers import Breakers
from workers.consumer import Consumer
from workers.mail import Mailer
from workers.maintenance import forget_consumers, reclaim
from workers.metrics import Metrics
from workers.notifier import MOST_IN_ARQ, Notifier, deliver
from workers.presence import Presence
from workers.settings import WorkerSettings as Settings
from workers.webhook import Webhooks

log = logging.getLogger(__name__)

RECLAIM_AT = set(range(0, 60, 5))  # seconds of every minute
EXIT_WITHIN_SECONDS = 3.0
ARQ_POLL_SECONDS = 0.1
ARQ_JOB_SECONDS = 30
ARQ_ACCOUNTS_SECONDS = 1.0
END_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT. SystemExit with one line where it cannot start."""
    _log_to_stderr(settings)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = create_worker(arq_settings(settings))
    try:
        worker.run()
    except asyncio.CancelledError:  # of a job of arq's own: it waits for those that it cancelled, and comes no further
        if worker.on_shutdown is not None:
            loop.run_until_complete(worker.on_shutdown(worker.ctx))
    ended = worker.main_task
    if ended is not None and not ended.cancelled() and (error := ended.exception()):
        raise error  # which that cancellation would hide


def arq_settings(settings: Settings) -> dict[str, Any]:
    """What arq wants to know. Its own signal handlers would neither drain nor end while Redis is away."""
    try:
        catalog = load_catalog(settings.services_file, downstream_url=settings.downstream_url)
        clients = ClientRegister(settings.clients_file)
    except CatalogError as error:
        sys.exit(f"bff worker: {error}")
    metrics = Metrics(catalog)
    try:
        metrics.serve(settings.metrics_host, settings.metrics_port)
    except OSError as error:
        address = f"{settings.metrics_host}:{settings.metrics_port}"
        sys.exit(f"bff worker: cannot serve metrics on {address}: {error.strerror}; choose another with --metrics-port")
    queue = f"{settings.key_prefix}:arq"
    pool = patient_pool(settings.arq_redis_url or settings.redis_url)
    redis = PatientArqRedis(pool, default_queue_name=queue, job_serializer=_to_json, job_deserializer=json.loads)
    hosted = Hosted(settings, catalog, clients, metrics, redis)
    for number in END_SIGNALS:
        signal.signal(number, _leave_at_once)
    return {
        "queue_name": queue,
        "functions": [func(deliver)],
        "cron_jobs": [
            # Named after the installation: of cron jobs of one name arq runs one, in whatever queue.
            cron(reclaim, name=f"{settings.key_prefix}:reclaim", second=RECLAIM_AT, keep_result=0),
            cron(forget_consumers, name=f"{settings.key_prefix}:forget", minute=17, second=3, keep_result=0),
        ],
        "on_startup": hosted.start,
        "on_shutdown": hosted.stop,
        "redis_pool": redis,
        "job_serializer": _to_json,
        "job_deserializer": json.loads,
        "handle_signals": False,
        "keep_result": 0,
        "log_results": False,
        "poll_delay": ARQ_POLL_SECONDS,
        "job_timeout": ARQ_JOB_SECONDS,
        "max_jobs": MOST_IN_ARQ + 50,
    }


class PatientArqRedis(ArqRedis):
    """On a patient pool."""

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> PatientPipeline:
        return PatientPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class Hosted:
    """The consumers, for as long as arq runs."""

    def __init__(
        self, settings: Settings, catalog: Catalog, clients: ClientRegister, metrics: Metrics, queue: ArqRedis
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._clients = clients
        self._metrics = metrics
        self._queue = queue
        self._notifier: Notifier | None = None
        self._stack = AsyncExitStack()
        self._consumers: list[Consumer] = []
        self._presence: Presence | None = None
        self._ending: asyncio.Task[None] | None = None
        self._exit_code = 0

    async def start(self, ctx: dict[Any, Any]) -> None:
        """Connect, consume every service, and end by signal: from here on there is something to drain."""
        _quieten_arq()  # its command line sets up logging of its own, after ours
        self._stack.enter_context(traced("bff-worker"))
        settings, catalog, metrics = self._settings, self._catalog, self._metrics
        broker = await self._stack.enter_async_context(
            connected(
                settings.redis_url,
                catalog,
                on_ended=metrics.ended,
                prefix=settings.key_prefix,
                result_ttl_seconds=settings.result_ttl_seconds,
            )
        )
        downstream = Downstream(catalog.services.values())
        self._stack.push_async_callback(downstream.aclose)
        name = broker.cell.process
        lanes = [Lanes(broker.cell, service, name) for service in catalog.services]
        ctx["lanes"], ctx["metrics"] = lanes, metrics
        for service, own in zip(catalog.services.values(), lanes, strict=True):
            performer = Performer(catalog, service, own, downstream, metrics)
            arrivals = Arrivals(own, settings.redis_url)
            self._stack.push_async_callback(arrivals.aclose)
            self._consumers.append(Consumer(performer, own, arrivals, metrics))
        await self._stack.enter_async_context(broker.watch.listen(broker.cell.keys.aborted(), self._abort))
        ctx["notifier"] = notifier = self._notifier = self._made_notifier(broker)
        names = [service.replace("-", "_") for service in catalog.services]
        consuming = {name: consumer.run() for name, consumer in zip(names, self._consumers, strict=True)}
        notifying = repeat("notify", notifier.hand_over)
        await self._stack.enter_async_context(background(on_death=self._fail, **consuming))
        presence = self._presence = Presence(broker.cell, name, self._consumers)
        self._stack.push_async_callback(presence.leave)
        beating = repeat("heartbeat", presence.run_once, BEAT_SECONDS)
        watching = repeat("breakers", Breakers(broker.cell).run_once, BREAKERS_SECONDS)
        await self._stack.enter_async_context(
            background(on_death=self._fail, notify=notifying, heartbeat=beating, breakers=watching)
        )
        self._main = asyncio.current_task()
        for number in END_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._end)
        spare_what_stays()
        log.info("worker %s consumes %s", name, ", ".join(catalog.services))

    async def stop(self, ctx: dict[Any, Any]) -> None:
        """arq's last act: everything is drained by then."""
        await self._stack.aclose()
        log.info("has ended")
        if self._exit_code:
            sys.exit(self._exit_code)

    def _made_notifier(self, broker: Broker) -> Notifier:
        settings = self._settings
        webhooks = Webhooks(settings.webhook_origins, settings.webhook_ca_file)
        self._stack.push_async_callback(webhooks.aclose)
        server = smtp_server_of(settings.smtp_url)
        mailer = Mailer(server, settings.mail_from, settings.public_url) if server else None
        return Notifier(Outbox(broker.cell), self._clients, webhooks, mailer, self._metrics, self._queue)

    def _abort(self, payload: bytes | None) -> None:
        if payload is not None:
            for consumer in self._consumers:
                consumer.performer.abort(payload.decode())

    def _fail(self) -> None:
        """A consumer died: better a new process than one that serves some services only."""
        self._exit_code = 1
        self._end()

    def _end(self) -> None:
        if self._ending is None:
            self._ending = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        """Take no more, let run what runs, hand the rest back; then arq may go, with or without Redis."""
        log.info("drains: takes nothing more")
        if self._presence is not None:
            self._presence.draining = True
        draining: list[Consumer | Notifier] = [*self._consumers, *([self._notifier] if self._notifier else [])]
        for each in draining:
            each.stop()
        await asyncio.gather(*(each.drained(self._settings.drain_seconds) for each in draining))
        await _arq_is_done()
        asyncio.get_running_loop().call_later(EXIT_WITHIN_SECONDS, os._exit, self._exit_code)  # arq waits for Redis
        if self._main is not None:
            self._main.cancel()


async def _arq_is_done() -> None:
    """With its own accounts of the jobs that it ran: cancelled in the middle of them, it would end with an error."""
    with suppress(TimeoutError):
        async with asyncio.timeout(ARQ_ACCOUNTS_SECONDS):
            while running := [task for task in asyncio.all_tasks() if _is_arqs(task)]:
                await asyncio.wait(running)


def _is_arqs(task: "asyncio.Task[Any]") -> bool:
    return getattr(task.get_coro(), "__qualname__", "") == "Worker.run_job"


def _log_to_stderr(settings: Settings) -> None:
    log_to_stderr(settings.log_format, settings.log_level)
    _quieten_arq()


def _quieten_arq() -> None:
    logging.getLogger("arq").handlers.clear()
    for module in ("connections", "jobs", "worker"):
        logging.getLogger(f"arq.{module}").addFilter(_is_a_warning)  # a level, its command line would set back


def _is_a_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


def _leave_at_once(number: int, frame: FrameType | None) -> None:
    """While Redis is waited for: nothing was taken yet, and arq would wait for ever."""
    os._exit(0)


def _to_json(document: dict[str, Any]) -> bytes:
    """What arq keeps of a job, and of how it ended: by an exception, where a failover lost its half."""
    return json.dumps(document, default=repr).encode()


def __getattr__(name: str) -> Any:
    """`arq workers.main.WorkerSettings`: made when it is asked for, from the environment."""
    if name != "WorkerSettings":
        raise AttributeError(name)
    settings = Settings()
    _log_to_stderr(settings)
    return type("WorkerSettings", (), arq_settings(settings))
