"""After a run: what became of jobs whose clients had given up. None may be lost."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby, islice

from loadtest.client.connections import NoAnswer
from loadtest.client.ended import has_ended
from loadtest.client.gateway import Document, Gateway
from loadtest.record import GivenUp

BATCH = 100
PAUSE_SECONDS = 1.0
ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Settled:
    """By id: documents of jobs that have ended, what the gateway knows nothing of, and what it last said has not ended.
    Of what is in none of them it has said nothing.
    """

    ended: dict[str, Document] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    unended: set[str] = field(default_factory=set)

    def __contains__(self, job: GivenUp) -> bool:
        return job.job_id in self.ended or job.job_id in self.unknown

    def note(self, asked: Iterable[GivenUp], documents: Iterable[Document]) -> None:
        known = {each["id"]: each for each in documents}
        self.ended.update({job_id: each for job_id, each in known.items() if has_ended(each)})
        self.unended.update(known.keys() - self.ended.keys())
        self.unknown.update(job.job_id for job in asked if job.job_id not in known)


async def settle(gateway: Gateway, jobs: Iterable[GivenUp], until: float) -> Settled:
    """Looked for again and again until `until`, on `time.perf_counter()`; once at least."""
    settled = Settled()
    left = sorted(jobs, key=lambda job: sorted(job.credentials.items()))
    while left:
        settled.unended.clear()
        with suppress(NoAnswer, TimeoutError):  # the others would not be answered either; in a while, again
            for batch in _batches(left):
                async with asyncio.timeout(ANSWER_SECONDS):
                    settled.note(batch, await gateway.read_many([job.job_id for job in batch], batch[0].credentials))
        left = [job for job in left if job not in settled]
        if not left or time.perf_counter() >= until:
            break
        await asyncio.sleep(PAUSE_SECONDS)
    return settled


def _batches(jobs: Sequence[GivenUp]) -> Iterator[list[GivenUp]]:
    """Each of one client, which alone may read its jobs."""
    for _, own in groupby(jobs, key=lambda job: job.credentials):
        while batch := list(islice(own, BATCH)):
            yield batch
