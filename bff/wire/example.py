"""A job for documents to show: a checkout under way, made as every other job's JSON is."""

from bff.broker.job import CallState, CallStatus, Job, JobStatus, Mode, Source
from bff.catalog.model import Priority
from bff.wire.document import JobDocument, document_of

_SUBMITTED_MS = 1_767_225_600_000

RUNNING = Job(
    id="019b76da-a800-7000-8000-00805f9b34fb",
    operation="checkout",
    client="public",
    priority=Priority.NORMAL,
    mode=Mode.ASYNC,
    status=JobStatus.RUNNING,
    version=4,
    submitted_ms=_SUBMITTED_MS,
    started_ms=_SUBMITTED_MS + 12,
    deadline_ms=_SUBMITTED_MS + 60_000,
    now_ms=_SUBMITTED_MS + 300,
    expected_ms=850,
    calls=(
        CallState("reserve", CallStatus.SUCCEEDED, 1, Source.LIVE, 200, 41),
        CallState("charge", CallStatus.RUNNING, 1),
        CallState("confirm", CallStatus.WAITING),
    ),
    outcomes={"reserve": b'{"reservation_id":"r-1"}'},
)


def example() -> JobDocument:
    return document_of(RUNNING)
