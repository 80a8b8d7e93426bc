"""A client that does as the README asks, and writes down what it did and what it was told."""

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import count
from typing import Any

import anyio
import httpx

from tests.faults.cluster import LONG_SECONDS
from tests.faults.history import F, History, Type

OPEN = ("queued", "running")
REPEATED = ("broker-unavailable", "draining", "internal-error")
"""Refusals after which the POST is repeated: of these only draining says that nothing was kept."""
BATCH = 100


class Client:
    """One Idempotency-Key for each wish; a POST is repeated until its answer is certain, a job polled to its end."""

    def __init__(
        self,
        history: History,
        choose: Callable[[], httpx.AsyncClient],
        *,
        repeat_seconds: float = 20,
        timeout_seconds: float = 5,
        job_seconds: str | None = LONG_SECONDS,
        chance: random.Random | None = None,
    ) -> None:
        """`job_seconds` is the deadline that it asks for; None leaves that to the operation."""
        self.history = history
        self.accepted: dict[str, str] = {}
        self.open: set[str] = set()
        self._choose = choose
        self._repeat_seconds = repeat_seconds
        self.timeout_seconds = timeout_seconds
        self._always = {} if job_seconds is None else {"Request-Timeout": job_seconds}
        self._chance = chance or random.Random(1)
        self._numbers = count()

    async def submit(self, operation: str, body: Any, *, key: str = "", **headers: str) -> str | None:
        """The id of the accepted job; None where it was refused, or in doubt for too long."""
        key = key or f"key-{next(self._numbers)}"
        asked = {name.replace("_", "-").title(): value for name, value in headers.items()}
        sent = self._always | asked | {"Idempotency-Key": key}
        give_up_at = time.monotonic() + self._repeat_seconds
        while time.monotonic() < give_up_at:
            self.history.add(F.SUBMIT, Type.INVOKE, key=key)
            type_, facts = await self._post(operation, body, sent)
            self.history.add(F.SUBMIT, type_, key=key, **facts)
            if type_ is Type.OK:
                return self._note(facts["id"], key)
            if not facts["detail"].endswith(REPEATED) and facts["status"]:
                return None
            await anyio.sleep(self._chance.uniform(0.05, 0.3))
        return None

    async def submit_and_cancel(self, operation: str, body: Any, **headers: str) -> None:
        """Cancel a job that was just accepted, once; whether that came in time shows in how it ends."""
        job_id = await self.submit(operation, body, **headers)
        if job_id is not None:
            with suppress(httpx.TransportError):
                await self._choose().delete(f"/v1/jobs/{job_id}", timeout=self.timeout_seconds)

    async def poll(self) -> None:
        """Read what has not ended, once."""
        await self._read(list(self.open))

    async def until_all_ended(self, within_seconds: float) -> None:
        """Poll until every accepted job has ended, at most for so long."""
        give_up_at = time.monotonic() + within_seconds
        while self.open and time.monotonic() < give_up_at:
            await self.poll()
            await anyio.sleep(0.05)
        for job_id in self.open:
            self.history.add(F.END, Type.INFO, id=job_id, detail=f"not terminal after {within_seconds:g} s")

    async def read_again(self) -> None:
        """Every job that has ended, for certain."""
        await self._read([job_id for job_id in self.accepted if job_id not in self.open], certain=True)

    def _note(self, job_id: str, key: str) -> str:
        if job_id not in self.accepted:
            self.accepted[job_id] = key
            self.open.add(job_id)
        return job_id

    async def _post(self, operation: str, body: Any, headers: Mapping[str, str]) -> tuple[Type, dict[str, Any]]:
        try:
            answer = await self._choose().post(
                f"/v1/operations/{operation}", json=body, headers=dict(headers), timeout=self.timeout_seconds
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Type.FAIL, {"status": "", "detail": type(error).__name__}
        except httpx.TransportError as error:
            return Type.INFO, {"status": "", "detail": type(error).__name__}
        document = answer.json()
        if answer.status_code in (200, 202):
            self._read_document(document)
            replayed = "replayed" if "Idempotency-Replayed" in answer.headers else ""
            return Type.OK, {"id": document["id"], "status": str(answer.status_code), "detail": replayed}
        slug = document["type"].rpartition("/")[2]
        in_doubt = answer.status_code >= 500 and slug in ("broker-unavailable", "internal-error")
        return (Type.INFO if in_doubt else Type.FAIL), {"status": str(answer.status_code), "detail": slug}

    async def _read(self, job_ids: list[str], *, certain: bool = False) -> None:
        """In batches; what cannot be read now is left for the next time, unless it has to be `certain`."""
        for start in range(0, len(job_ids), BATCH):
            batch = job_ids[start : start + BATCH]
            while (documents := await self._get(batch)) is None and certain:
                await anyio.sleep(0.05)
            if documents is not None:
                self._note_ends(batch, documents)

    async def _get(self, job_ids: list[str]) -> list[dict[str, Any]] | None:
        try:
            answer = await self._choose().get("/v1/jobs", params={"id": job_ids}, timeout=self.timeout_seconds)
        except httpx.TransportError:
            return None
        found: list[dict[str, Any]] | None = answer.json()["jobs"] if answer.status_code == 200 else None
        return found

    def _note_ends(self, asked: Iterable[str], documents: Iterable[dict[str, Any]]) -> None:
        known = {document["id"]: document for document in documents}
        for job_id in asked:
            if job_id in known:
                self._read_document(known[job_id])
            else:
                self.history.add(F.END, Type.FAIL, id=job_id, detail="the gateway does not know it")
                self.open.discard(job_id)

    def _read_document(self, job: Mapping[str, Any]) -> None:
        if job["status"] in OPEN:
            return
        self.open.discard(job["id"])
        told = json.dumps([job["finished_at"], job["partial"], job["result"]])
        self.history.add(
            F.END,
            Type.OK,
            id=job["id"],
            status=job["status"],
            result=hashlib.sha256(told.encode()).hexdigest(),
            late_ms=_milliseconds(job["finished_at"]) - _milliseconds(job["deadline"]),
        )


def _milliseconds(timestamp: str) -> int:
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000)
