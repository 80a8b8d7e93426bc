"""The route that every peer is measured behind: FastAPI as its tutorial has it, with a body like checkout's."""

import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

PATH = "/v1/operations/checkout"


class Item(BaseModel):
    sku: str = Field(min_length=1, max_length=64)
    quantity: int = Field(ge=1, le=1_000)


class Checkout(BaseModel):
    model_config = ConfigDict(extra="forbid")

    cart_id: str = Field(min_length=1, max_length=64)
    amount_cents: int = Field(ge=1, le=100_000_000)
    items: list[Item] = Field(min_length=1, max_length=100)


class Accepted(BaseModel):
    id: str


Submit = Callable[[dict[str, Any]], str]
SubmitAsync = Callable[[dict[str, Any]], Awaitable[str]]
Connected = Callable[[], AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    yield


def asynchronous(submit: SubmitAsync, connected: Connected = nothing, **options: Any) -> FastAPI:
    app = FastAPI(lifespan=_lifespan(connected), **options)

    @app.post(PATH, status_code=202)
    async def checkout(parameters: Checkout) -> Accepted:
        return Accepted(id=await submit(parameters.model_dump()))

    return app


def in_threads(submit: Submit) -> FastAPI:
    """For clients that block: FastAPI runs such a route in its pool of threads."""
    app = FastAPI()

    @app.post(PATH, status_code=202)
    def checkout(parameters: Checkout) -> Accepted:
        return Accepted(id=submit(parameters.model_dump()))

    return app


def _lifespan(connected: Connected) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with connected():
            yield

    return lifespan


class Server(uvicorn.Server):
    tune_collector = False

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        if self.tune_collector:  # as the gateway does
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)
        port = self.servers[0].sockets[0].getsockname()[1]
        sys.stdout.write(f"listens on http://127.0.0.1:{port}\n")
        sys.stdout.flush()


def serve(app: Any, *, tune_collector: bool = False) -> None:
    """As uvicorn is fastest."""
    config = uvicorn.Config(
        app, port=0, loop="uvloop", http="httptools", access_log=False, log_level="warning", backlog=2048
    )
    server = Server(config)
    server.tune_collector = tune_collector
    server.run()
