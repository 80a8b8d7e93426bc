"""Jobs for the gateway's workers, handed to the broker: `python bff_jobs.py enqueue JOBS BYTES [--keyed]`, of `echo`.

`… reports JOBS`: of `report`, which may wait for longest. `… command`: with which command, as redis-benchmark takes it.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import uvloop

from bff.broker.cell import Cell
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Accepted, Jobs, Submission
from bff.broker.pipeline import Pipeline
from bff.broker.script import Script
from bff.catalog.catalog import load_catalog
from bff.catalog.clients import PUBLIC
from bff.catalog.model import Priority
from bff.settings import BrokerSettings

AT_ONCE = 200
CHECKOUT = b'{"cart_id":"c1","amount_cents":1999,"items":[{"sku":"A","quantity":1}]}'


def submission(operation: str, parameters: bytes, key: str | None = None) -> Submission:
    return Submission(
        id=new_job_id(), operation=operation, client=PUBLIC, priority=Priority.NORMAL, timeout_ms=3_600_000,
        parameters=parameters, idempotency_key=key,
    )  # fmt: skip


async def enqueue(cell: Cell, jobs: int, operation: str, parameters: bytes, *, keyed: bool = False) -> None:
    broker = Jobs(cell)

    async def one() -> None:
        accepted = await broker.submit(submission(operation, parameters, str(uuid4()) if keyed else None))
        assert isinstance(accepted, Accepted), accepted

    for first in range(0, jobs, AT_ONCE):
        await asyncio.gather(*(one() for _ in range(min(AT_ONCE, jobs - first))))


class Overheard(Exception):
    """What a script was to be run with."""


class Ear:
    """In the place of a connection."""

    async def execute(self, *command: str | bytes | int | float) -> Any:
        raise AssertionError("a submission is one script")

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        if getattr(script, "batched", False):  # an older checkout has none that are
            from bff.broker.script import as_batch

            keys, arguments = as_batch([(keys, arguments)])
        raise Overheard(script, keys, arguments)


async def command(redis: Pipeline, cell: Cell) -> list[str]:
    """Each time of a job with another id."""
    asked = submission("checkout", CHECKOUT)
    try:
        await Jobs(Cell(Ear(), cell.catalog)).submit(asked)
    except Overheard as heard:
        script, keys, arguments = heard.args
    await redis.execute("SCRIPT", "LOAD", script.source)
    words = ["EVALSHA", script.sha, str(len(keys)), *keys, *arguments]
    texts = [word.decode() if isinstance(word, bytes) else str(word) for word in words]
    return [text.replace(asked.id, asked.id[:-12] + "__rand_int__") for text in texts]


async def main(what: str, *words: str) -> None:
    settings = BrokerSettings()
    redis = Pipeline(os.environ["REDIS_URL"], timeout_seconds=60)
    cell = Cell(redis, load_catalog(settings.services_file, downstream_url=settings.downstream_url))
    await cell.configure()
    match what:
        case "command":
            sys.stdout.write(json.dumps(await command(redis, cell)))
        case "reports":
            await enqueue(cell, int(words[0]), "report", b'{"month":"2026-01"}')
        case _:
            text = "x" * (int(words[1]) - len('{"text":""}'))
            await enqueue(cell, int(words[0]), "echo", b'{"text":"%s"}' % text.encode(), keyed="--keyed" in words)
    await redis.aclose()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
