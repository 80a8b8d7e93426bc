"""The client: submit, wait, watch, read, cancel."""

import asyncio
import json
import ssl
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from inspect import isawaitable
from typing import Any, Self, TypedDict, TypeVar, Unpack, overload
from urllib.parse import quote

from bff_client.channel import Channel
from bff_client.errors import BffError, TimedOut, success
from bff_client.events import Events
from bff_client.http import Http, job_in, path_of
from bff_client.job import Job
from bff_client.ladder import Ladder
from bff_client.pace import Deadline, Patience, request_timeout
from bff_client.polling import LongPoll, Poll
from bff_client.websocket import Socket

T = TypeVar("T")
OnChange = Callable[[Job], Awaitable[None] | None]

Channels = Sequence[Channel | str]


class SubmitOptions(TypedDict, total=False):
    timeout: float | None
    priority: str | None
    idempotency_key: str | None
    notify: str | None


class WaitOptions(TypedDict, total=False):
    timeout: float | None
    channels: Channels | None
    on_change: OnChange | None


class RunOptions(SubmitOptions, total=False):
    on_progress: OnChange | None
    cancel_on_timeout: bool
    channels: Channels | None


CANCEL_SECONDS = 5.0
"""What cancelling a job may take after the caller's time is over."""


class Client:
    """One gateway, asked with one key. All times are in seconds.

    `channels` are the ways to wait, the first the dearest; `attempts` is how often a request is sent at most;
    `tls` are the certificates to trust (default: the machine's own).
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        channels: Channels = tuple(Channel),
        attempts: int = 5,
        patience: Patience | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        patience = patience or Patience()
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"the gateway's URL begins with http:// or https://, not {url!r}")
        if url.startswith("https://"):
            tls = tls or ssl.create_default_context()
        self._channels = _chosen(channels)
        self._http = Http(url, key, tls, patience, attempts)
        self._socket = Socket(url, key, tls, patience)
        self._ladder = Ladder(
            {
                Channel.WEBSOCKET: self._socket.follow,
                Channel.SSE: Events(self._http).follow,
                Channel.LONG_POLL: LongPoll(self._http).follow,
                Channel.POLL: Poll(self._http).follow,
            },
            patience,
        )
        self._background: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End all connections, after the jobs that are being cancelled are."""
        if self._background:
            await asyncio.wait(self._background, timeout=CANCEL_SECONDS)
        await self._socket.aclose()
        await self._http.aclose()

    async def submit(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        *,
        priority: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  it is told to the gateway, too
        idempotency_key: str | None = None,
        notify: str | None = None,
    ) -> Job:
        """The accepted job. Repeated, with the same key, while it is refused for now or nobody answers.

        `timeout` is how long the caller will wait for the *result*, and bounds submitting, too.
        Raises Refused, Invalid, Unauthorized, Forbidden, Unreachable.
        """
        return await self._submit(operation, parameters, Deadline(timeout), priority, idempotency_key, notify)

    async def wait(
        self,
        job: Job | str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  it is shared among the channels
        channels: Channels | None = None,
        on_change: OnChange | None = None,
    ) -> Job:
        """The job once it has ended, however it did. `on_change` gets each new state. Raises TimedOut, NotFound …"""
        return await self._wait(job, Deadline(timeout), channels, on_change)

    @overload
    async def run(self, operation: str, parameters: Mapping[str, Any], **options: Unpack[RunOptions]) -> Job: ...
    @overload
    async def run(
        self, operation: str, parameters: Mapping[str, Any], *, result: Callable[..., T], **options: Unpack[RunOptions]
    ) -> T: ...
    async def run(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        *,
        result: Callable[..., Any] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  it is told to the gateway, too
        on_progress: OnChange | None = None,
        cancel_on_timeout: bool = False,
        priority: str | None = None,
        idempotency_key: str | None = None,
        notify: str | None = None,
        channels: Channels | None = None,
    ) -> Any:
        """Submit and wait: the job that has succeeded, or its result as a `result` where that is given.

        `on_progress` gets the accepted job and each new state. With `cancel_on_timeout` the job is cancelled when this
        ends before it does: by `timeout`, or because the task that runs it is cancelled.
        Raises JobFailed, JobExpired, JobCancelled, TimedOut, and what `submit` raises.
        """
        deadline = Deadline(timeout)
        submitting = asyncio.create_task(
            self._submit(operation, parameters, deadline, priority, idempotency_key, notify)
        )
        try:
            accepted = await asyncio.shield(submitting)
            await _tell(on_progress, accepted)
            ended = success(await self._wait(accepted, deadline, channels, on_progress))
        except (TimedOut, asyncio.CancelledError):
            if cancel_on_timeout:
                await self._in_background(self._abandon(submitting))
            else:
                submitting.cancel()
            raise
        return ended if result is None else ended.result_as(result)

    async def result(
        self,
        job: Job | str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> dict[str, Any]:
        """`{call: data}` of the job, waited for. Raises JobFailed, JobExpired, JobCancelled, TimedOut."""
        return success(await self.wait(job, timeout=timeout)).result or {}

    async def watch(self, job: Job | str, *, channels: Channels | None = None) -> AsyncGenerator[Job, None]:
        """The job as it is, and at each change, to its end."""
        last = None
        if isinstance(job, Job):
            yield (last := job)
        told = self._ladder.follow(_id(job), last, _chosen(channels) or self._channels, Deadline(None))
        async with aclosing(told):
            async for changed in told:
                yield changed

    async def get(self, job: Job | str) -> Job:
        """As it is now."""
        return job_in(await self._http.ask("GET", path_of(_id(job)), Deadline(None)))

    async def cancel(self, job: Job | str) -> Job:
        """Cancelled at once; what was done is undone. Raises NotCancellable where it has ended otherwise."""
        return job_in(await self._http.ask("DELETE", path_of(_id(job)), Deadline(None)))

    async def _submit(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        deadline: Deadline,
        priority: str | None,
        idempotency_key: str | None,
        notify: str | None,
    ) -> Job:
        key = idempotency_key or uuid.uuid4().hex
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, "Prefer": "respond-async"}
        headers |= {"Request-Priority": priority} if priority else {}
        headers |= {"Request-Notify": notify} if notify else {}

        def timed() -> Mapping[str, str]:
            """Each attempt has less time left."""
            if deadline.at is None:
                return headers
            return headers | {"Request-Timeout": f"{request_timeout(deadline.left):.3f}"}

        try:
            content = json.dumps(parameters, allow_nan=False).encode()
            path = f"/v1/operations/{quote(operation, safe='')}"
            return job_in(await self._http.ask("POST", path, deadline, headers=timed, content=content))
        except BffError as error:
            error.idempotency_key = key
            raise

    async def _wait(
        self,
        job: Job | str,
        deadline: Deadline,
        channels: Channels | None,
        on_change: OnChange | None,
    ) -> Job:
        last = job if isinstance(job, Job) else None
        told = self._ladder.follow(_id(job), last, _chosen(channels) or self._channels, deadline)
        limit = asyncio.timeout_at(deadline.at)
        try:
            async with limit, aclosing(told):
                async for last in told:
                    await _tell(on_change, last)
        except TimeoutError:
            if not limit.expired():
                raise  # the callback's own
            raise TimedOut(_id(job), last) from None
        assert last is not None
        return last

    async def _abandon(self, submitting: asyncio.Task[Job]) -> None:
        """Cancel the job that was submitted, or still is being."""
        with suppress(BffError, TimeoutError):
            async with asyncio.timeout(CANCEL_SECONDS):
                await self.cancel(await submitting)

    async def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for it; it goes on when the wait is cancelled."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        await asyncio.shield(task)


def _chosen(channels: Channels | None) -> tuple[Channel, ...]:
    """Raises ValueError where one is not known, or none is given."""
    if channels is None:
        return ()
    if not channels or isinstance(channels, str):
        raise ValueError(f"channels is a list of {', '.join(Channel)}, not {channels!r}")
    return tuple(Channel(channel) for channel in channels)


def _id(job: Job | str) -> str:
    return job.id if isinstance(job, Job) else job


async def _tell(on_change: OnChange | None, job: Job) -> None:
    if on_change is not None:
        told = on_change(job)
        if isawaitable(told):
            await told
