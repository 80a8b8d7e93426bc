"""The trace that a job's calls and notification belong to."""


def traceparent_of(job_id: str) -> str:
    """A trace of the job's own, where the client sent none: its id is 128 bits already (W3C Trace Context)."""
    digits = job_id.replace("-", "")
    return f"00-{digits}-{digits[16:]}-01"
