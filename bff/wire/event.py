"""What a webhook is sent when a job ends. The one place where its JSON is made."""

from pydantic_core import to_json

from bff.broker.job import Job
from bff.wire.document import document_of, timestamp


def event_of(job: Job) -> bytes:
    """JSON, of a job that has ended: how and when, and the job without its result."""
    assert job.finished_ms is not None
    data = {name: value for name, value in document_of(job).items() if name != "result"}
    return to_json({"type": f"job.{job.status}", "timestamp": timestamp(job.finished_ms), "data": data})
