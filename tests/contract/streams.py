"""A client of the event stream, as an application would write one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx

from tests.contract.calls import Json


class Event(NamedTuple):
    name: str
    id: int
    job: Json


class Stream:
    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.comments = 0
        self.retry: int | None = None
        self._lines = answer.aiter_lines()

    async def events(self) -> AsyncIterator[Event]:
        """To the end of the stream."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if line.startswith(":"):
                self.comments += 1
            elif name == "retry":
                self.retry = int(value)
            elif line:
                fields[name] = value
            elif fields:
                yield Event(fields["event"], int(fields["id"]), json.loads(fields["data"]))
                fields = {}


@asynccontextmanager
async def stream(api: httpx.AsyncClient, job_id: str, **headers: str) -> AsyncIterator[Stream]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with api.stream("GET", f"/v1/jobs/{job_id}/events", headers=named) as answer:
        yield Stream(answer)
