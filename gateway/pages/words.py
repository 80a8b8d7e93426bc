"""How a job stands, in words: what its page says, and what a screen reader announces."""

from bff.broker.job import CallState, CallStatus, Job, JobStatus, Source
from bff.wire.document import error_of

STATES = {
    JobStatus.QUEUED: "Waiting",
    JobStatus.RUNNING: "Running",
    JobStatus.SUCCEEDED: "Done",
    JobStatus.FAILED: "Failed",
    JobStatus.EXPIRED: "Not done in time",
    JobStatus.CANCELLED: "Cancelled",
}


def sentence(job: Job) -> str:
    """The whole state, short enough to be read aloud at every change."""
    match job.status:
        case JobStatus.QUEUED:
            return f"Waiting to start{_ahead(job)}. It will take {duration(job.expected_ms / 1000)}."
        case JobStatus.RUNNING:
            return f"Running: {progress(job)}. It will take {duration(job.expected_ms / 1000)} more."
        case JobStatus.SUCCEEDED:
            return f"Done{_with_less(job)}."
        case _:
            error = error_of(job)
            return f"{STATES[job.status]}. {error.detail if error else ''}".rstrip()


def progress(job: Job) -> str:
    done, total = steps(job)
    return f"{done} of {total} {'step' if total == 1 else 'steps'} done"


def steps(job: Job) -> tuple[int, int]:
    """How many are done, and of how many."""
    return sum(call.status.good for call in job.graph), len(job.graph)


def duration(seconds: float) -> str:
    """About how long, as a person would say it."""
    if seconds < 1.5:
        return "about a second"
    if seconds < 55:
        coarse = 1 if seconds < 10 else 5
        return f"about {max(2, coarse * round(seconds / coarse))} seconds"
    if seconds < 90:
        return "about a minute"
    if seconds < 5400:
        return f"about {round(seconds / 60)} minutes"
    return f"about {round(seconds / 3600)} hours"


def step(call: CallState) -> str:
    """How one call stands."""
    match call.status:
        case CallStatus.WAITING:
            return "waits for another step"
        case CallStatus.QUEUED:
            return "waiting" if call.attempts == 0 else "waiting to be tried again"
        case CallStatus.RUNNING:
            return "running" if call.attempts <= 1 else f"running, attempt {call.attempts}"
        case CallStatus.SUCCEEDED:
            return "done"
        case CallStatus.FALLBACK:
            return _older(call)
        case _:
            return {"skipped": "left out", "expired": "not done in time"}.get(call.status, str(call.status))


def _older(call: CallState) -> str:
    if call.source is Source.CACHE and call.age_ms is not None:
        return f"done, with data that is {duration(call.age_ms / 1000).removeprefix('about ')} old"
    return "done, with stand-in data"


def _ahead(job: Job) -> str:
    if job.position < 0:
        return ""
    if job.position == 0:
        return ", next in line"
    return f", behind {job.position} {'other' if job.position == 1 else 'others'}"


def _with_less(job: Job) -> str:
    missing = [call.name for call in job.graph if call.status not in (CallStatus.SUCCEEDED, CallStatus.FALLBACK)]
    parts = []
    if job.partial and missing:
        parts.append(f"without {' and '.join(missing)}")
    if job.degraded:
        parts.append("partly with older or stand-in data")
    return f", {', '.join(parts)}" if parts else ""
