"""The place in a trace that is passed on: W3C Trace Context, as it stands in headers and in Redis."""

from typing import NamedTuple


class TraceContext(NamedTuple):
    """Both are empty where there is no trace."""

    traceparent: str = ""
    tracestate: str = ""

    @property
    def trace_id(self) -> str:
        return self.traceparent[3:35]

    @property
    def headers(self) -> dict[str, str]:
        headers = {"traceparent": self.traceparent, "tracestate": self.tracestate}
        return {name: value for name, value in headers.items() if value}


NOWHERE = TraceContext()


def trace_of_job(job_id: str, traceparent: str, tracestate: str) -> TraceContext:
    """The one that the job came with; else one of its own, whose id is the job's: 128 bits already."""
    if traceparent:
        return TraceContext(traceparent, tracestate)
    digits = job_id.replace("-", "")
    return TraceContext(f"00-{digits}-{digits[16:]}-01")
