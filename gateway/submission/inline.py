"""Inline calls: critical reads that the gateway makes itself before it submits, so that the 202 carries them."""

import asyncio
import logging
from collections.abc import Sequence

from bff.broker.cell import Cell
from bff.broker.jobs import Done
from bff.broker.survey import resting
from bff.catalog.catalog import Catalog
from bff.catalog.model import Call, Operation, Parameters
from bff.downstream.client import Downstream
from bff.downstream.outcome import Verdict
from bff.trace.context import trace_of_job
from bff.trace.span import Kind, span
from gateway.metrics import Metrics

log = logging.getLogger(__name__)

WITHIN_SECONDS = 0.25


class Inline:
    """Within a quarter of a second, on slots of the service that are set apart for it (`inline_concurrency`, for each
    gateway). What is late, failed or found no slot is queued like any call; so is all while the service's breaker is
    not closed, or the service asked for a rest: probing is the workers' business.
    """

    def __init__(self, catalog: Catalog, cell: Cell, downstream: Downstream, metrics: Metrics) -> None:
        self._cell = cell
        self._services = catalog.services
        self._downstream = downstream
        self._metrics = metrics
        self._free = {service.name: service.inline_concurrency for service in catalog.services.values()}

    async def perform(self, operation: Operation, parameters: Parameters, job_id: str) -> Sequence[Done]:
        """The inline calls that ended well. Never raises for what a service does, but BrokerUnavailable."""
        calls = [call for call in operation.calls if call.inline and await self._can_be_called(call.service)]
        done = await asyncio.gather(*(self._one(call, parameters, job_id) for call in calls))
        return [each for each in done if each is not None]

    async def _can_be_called(self, service: str) -> bool:
        return self._free[service] > 0 and not await resting(self._cell, service)

    async def _one(self, call: Call, parameters: Parameters, job_id: str) -> Done | None:
        if self._free[call.service] <= 0:  # taken while the broker was asked
            return None
        self._free[call.service] -= 1
        try:
            with span(f"inline {call.name}", Kind.INTERNAL, service=call.service, call=call.name, attempt=1) as inline:
                outcome = await self._downstream.perform(
                    self._services[call.service],
                    call.build(parameters, {}),
                    idempotency_key=f"{job_id}:{call.name}",
                    timeout_seconds=WITHIN_SECONDS,
                    trace=trace_of_job(job_id, *inline.context),
                )
                inline.came_to(outcome.reason or outcome.verdict)
                log.debug("inline call ended after %d ms", outcome.milliseconds)
        finally:
            self._free[call.service] += 1
        self._metrics.called(call.service, outcome)
        if outcome.verdict is not Verdict.SUCCEEDED or outcome.data is None or outcome.http_status is None:
            return None
        return Done(call.name, outcome.milliseconds, outcome.http_status, outcome.data)
