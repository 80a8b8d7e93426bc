"""A gateway that misbehaves as it is told: what clients do then can be seen from what it was asked."""

from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """`submits`, `looks` and `batches` have what comes next; when it is used up, jobs are accepted, and have ended.

    `asked` has method, path and headers of each request, in order.
    """

    url: str = ""
    submits: deque[Handler] = field(default_factory=deque)
    looks: deque[Handler] = field(default_factory=deque)
    batches: deque[Handler] = field(default_factory=deque)
    asked: list[web.Request] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    status: str = "succeeded"

    def keys(self) -> list[str]:
        return [each.headers["Idempotency-Key"] for each in self.asked if each.method == "POST"]

    def methods(self) -> Counter[str]:
        return Counter(each.method for each in self.asked)

    async def submit(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        await request.read()
        return await (self.submits.popleft() if self.submits else self.accepted)(request)

    async def look(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await (self.looks.popleft() if self.looks else self.ended)(request)

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return web.json_response(a_job(request.match_info["id"], "cancelled"))

    async def many(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if self.batches:
            return await self.batches.popleft()(request)
        ids = [each for each in request.query.getall("id") if each in self.known]
        return web.json_response({"jobs": [a_job(each, self.status) for each in ids]})

    async def accepted(self, request: web.Request) -> web.StreamResponse:
        job_id = f"job-{len(self.known)}"
        self.known.add(job_id)
        return web.json_response(a_job(job_id, "queued"), status=202, headers={"Retry-After": "1"})

    async def ended(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(a_job(request.match_info["id"], self.status))


def a_job(job_id: str, status: str, **changes: Any) -> dict[str, Any]:
    """An echo that was submitted, began 250 ms later, took 500 ms, and was finished after a second."""
    over = status not in ("queued", "running")
    seconds = 0.5 if over else None
    return {
        "id": job_id,
        "operation": "echo",
        "status": status,
        "submitted_at": "2026-01-01T00:00:00.000Z",
        "started_at": "2026-01-01T00:00:00.250Z" if over else None,
        "finished_at": "2026-01-01T00:00:01.000Z" if over else None,
        "partial": False,
        "calls": {"echo": {"status": status, "seconds": seconds}},
        **changes,
    }


def problem(status: int, slug: str, retry_after: int | None = None) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return web.json_response({"type": f"/problems/{slug}", "status": status}, status=status, headers=headers)

    return answer


async def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def pending(request: web.Request) -> web.StreamResponse:
    return web.json_response(a_job(request.match_info["id"], "queued"))


async def nonsense(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\x00<html>", status=200)


@asynccontextmanager
async def served() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_post("/v1/operations/{operation}", server.submit)
    app.router.add_get("/v1/jobs", server.many)
    app.router.add_get("/v1/jobs/{id}", server.look)
    app.router.add_get("/v1/jobs/{id}/events", server.look)
    app.router.add_get("/v1/ws", server.look)
    app.router.add_delete("/v1/jobs/{id}", server.cancel)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    server.url = f"http://{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
