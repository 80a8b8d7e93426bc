"""What operators and orchestrators ask: alive, ready, and the metrics."""

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bff.broker.errors import BrokerUnavailable
from bff.broker.health import takes_writes
from gateway.gateway import gateway_of
from gateway.push.waiters import WAITING

READY_WITHIN_SECONDS = 0.9
READ_ONLY = "the broker takes no writes: jobs can be read, none is accepted"
"""Whoever reads would lose by being turned away, and no other gateway could do better."""

router = APIRouter(tags=["Operate"])

Health = dict[str, str | None]


@router.get("/livez", operation_id="livez", summary="Whether this process is alive", responses={200: {"model": Health}})
async def livez() -> Response:
    return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


@router.get(
    "/readyz",
    operation_id="readyz",
    summary="Whether it should get traffic: never no because of load",
    responses={200: {"model": Health}, 503: {"model": Health}},
)
async def readyz(request: Request) -> Response:
    gateway = gateway_of(request)
    complaint, remark = "draining" if gateway.draining.is_set() else None, None
    if complaint is None:
        try:
            async with asyncio.timeout(READY_WITHIN_SECONDS):
                complaint = await gateway.broker.complaint()
                remark = None if await takes_writes(gateway.broker.cell) else READ_ONLY
        except (BrokerUnavailable, TimeoutError):
            complaint = "the broker does not answer"
    body = {"status": "ok" if complaint is None else "unavailable", "detail": complaint or remark}
    return JSONResponse(body, 200 if complaint is None else 503, {"Cache-Control": "no-store"})


@router.get("/metrics", operation_id="metrics", summary="Metrics for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    gateway = gateway_of(request)
    for channel in WAITING:
        gateway.metrics.waiting(channel, gateway.waiters.on(channel))
    gateway.metrics.synchronous(len(gateway.synchronous))
    gateway.metrics.rollout(gateway.rollout.percentages)
    body, media_type = await gateway.metrics.exposition(gateway.broker.cell, request.headers.get("accept", ""))
    return Response(body, media_type=media_type)
