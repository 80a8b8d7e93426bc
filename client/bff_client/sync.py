"""The same client for code without an event loop: it runs one in a thread of its own."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from threading import Thread
from typing import Any, Self, TypeVar, Unpack, overload

from bff_client.client import Channels, Client, RunOptions, SubmitOptions, WaitOptions
from bff_client.job import Job

T = TypeVar("T")


class SyncClient:
    """Takes what `Client` takes. Callbacks run in its thread: they should be quick. It may be shared by threads."""

    def __init__(self, url: str, key: str | None = None, **options: Any) -> None:
        self._client = Client(url, key, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="bff-client", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._do(self._client.aclose())
        self._do(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def submit(self, operation: str, parameters: Mapping[str, Any], **options: Unpack[SubmitOptions]) -> Job:
        return self._do(self._client.submit(operation, parameters, **options))

    @overload
    def run(self, operation: str, parameters: Mapping[str, Any], **options: Unpack[RunOptions]) -> Job: ...
    @overload
    def run(
        self, operation: str, parameters: Mapping[str, Any], *, result: Callable[..., T], **options: Unpack[RunOptions]
    ) -> T: ...
    def run(self, operation: str, parameters: Mapping[str, Any], **options: Any) -> Any:
        return self._do(self._client.run(operation, parameters, **options))

    def wait(self, job: Job | str, **options: Unpack[WaitOptions]) -> Job:
        return self._do(self._client.wait(job, **options))

    def watch(self, job: Job | str, *, channels: Channels | None = None) -> Iterator[Job]:
        watched = self._client.watch(job, channels=channels)
        try:
            while (changed := self._do(_next(watched))) is not None:
                yield changed
        finally:
            self._do(watched.aclose())

    def result(self, job: Job | str, *, timeout: float | None = None) -> dict[str, Any]:
        return self._do(self._client.result(job, timeout=timeout))

    def get(self, job: Job | str) -> Job:
        return self._do(self._client.get(job))

    def cancel(self, job: Job | str) -> Job:
        return self._do(self._client.cancel(job))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        """Its result. An interrupt (Ctrl-C) here cancels it there."""
        doing = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return doing.result()
        except BaseException:
            doing.cancel()
            raise


async def _next(watched: AsyncGenerator[Job, None]) -> Job | None:
    return await anext(watched, None)
