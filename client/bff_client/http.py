"""The gateway by HTTP: one request, or one repeated where that does no harm."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx

from bff_client.errors import REPEATABLE, Answered, BffError, Unreachable, answered
from bff_client.job import Job, Problem
from bff_client.pace import Deadline, Patience, pause_seconds


class Http:
    """`attempts` is how often a request is sent at most."""

    def __init__(
        self, url: str, key: str | None, tls: ssl.SSLContext | None, patience: Patience, attempts: int
    ) -> None:
        self.patience = patience
        self._attempts = attempts
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            verify=tls or False,  # without https there is nothing to verify
            timeout=None,  # noqa: S113  each request is bounded as a whole: httpx bounds single reads
            # httpx loses places of a bounded pool when requests that wait for one are cancelled (httpcore#1093).
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=4.0),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def job(self, job_id: str) -> Job:
        """As it is now, asked once."""
        return job_in(await self.once("GET", path_of(job_id), seconds=self.patience.answer_seconds))

    async def once(
        self,
        method: str,
        path: str,
        *,
        seconds: float,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """One request, answered within so many seconds. Raises Unreachable, Answered."""
        try:
            async with asyncio.timeout(seconds):
                response = await self._client.request(method, path, headers=headers, content=content)
        except (httpx.TransportError, TimeoutError) as error:
            raise unreachable(error) from error
        if not response.is_success and response.status_code != httpx.codes.NOT_MODIFIED:
            raise error_in(response)
        return response

    async def ask(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        headers: Callable[[], Mapping[str, str]] = dict,
        content: bytes | None = None,
    ) -> httpx.Response:
        """Repeated while refused or lost: after Retry-After, within the deadline. `headers` are made each time."""
        attempt = 1
        while True:
            try:
                seconds = deadline.share(self.patience.answer_seconds, 1)
                return await self.once(method, path, seconds=seconds, headers=headers(), content=content)
            except REPEATABLE as error:
                pause = pause_seconds(attempt, getattr(error, "retry_after", None))
                if attempt >= self._attempts or pause >= deadline.left:
                    raise
            await asyncio.sleep(pause)
            attempt += 1

    @asynccontextmanager
    async def stream(self, path: str, headers: Mapping[str, str], *, seconds: float) -> AsyncIterator[httpx.Response]:
        """An answer whose body comes bit by bit, begun within so many seconds. Raises Unreachable, Answered."""
        request = self._client.build_request("GET", path, headers=dict(headers))
        try:
            async with asyncio.timeout(seconds):
                response = await self._client.send(request, stream=True)
                if not response.is_success:
                    await response.aread()
                    raise error_in(response)
        except (httpx.TransportError, TimeoutError) as error:
            raise unreachable(error) from error
        try:
            yield response
        except httpx.TransportError as error:
            raise unreachable(error) from error
        finally:
            await response.aclose()


def path_of(job_id: str) -> str:
    """Also of an id that came from a stranger."""
    return f"/v1/jobs/{quote(job_id, safe='')}"


def job_in(response: httpx.Response) -> Job:
    """The job of an answer, with the version that its ETag says. Raises Unreachable where there is none in it."""
    try:
        return Job.of(response.json(), version_in(response.headers.get("etag", "")))
    except (ValueError, KeyError, TypeError) as error:
        raise unreachable(error) from error


def version_in(etag: str) -> int:
    """0 where there is none. A proxy that compresses makes an ETag weak."""
    tag = etag.removeprefix("W/").strip('"')
    return int(tag) if tag.isdecimal() else 0


def error_in(response: httpx.Response) -> Answered:
    """What an answer that is no success means; a proxy's own page has no problem in it."""
    document: dict[str, Any] = {}
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        try:
            document = json.loads(response.content)
        except ValueError:
            document = {}
    problem = Problem.of({"title": response.reason_phrase, **document, "status": response.status_code})
    retry_after = response.headers.get("retry-after", "")
    return answered(problem, float(retry_after) if retry_after.isdecimal() else None)


def unreachable(error: Exception) -> BffError:
    return Unreachable(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
