"""Pages of other origins that are listed: what they may send, and what they may read (CORS)."""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from bff.broker.job_id import new_job_id
from gateway import problems
from gateway.problems import Problem

REQUEST_HEADERS = (
    "Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID", "Prefer", "Request-Notify",
    "Request-Priority", "Request-Subject", "Request-Timeout", "traceparent", "tracestate",
)  # fmt: skip
RESPONSE_HEADERS = (
    "Content-Location", "ETag", "Idempotency-Replayed", "Location", "Preference-Applied", "RateLimit",
    "RateLimit-Policy", "Retry-After", "X-Correlation-ID",
)  # fmt: skip


class CrossOrigin(CORSMiddleware):
    """Starlette's, with a problem where a preflight is refused, like every other error."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=[*origins],
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=REQUEST_HEADERS,
            expose_headers=RESPONSE_HEADERS,
            max_age=600,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        answer = super().preflight_response(request_headers)
        if answer.status_code == 200:
            return answer
        good = {
            "Origin": self.is_allowed_origin(request_headers["origin"]),
            "Access-Control-Request-Method": request_headers["access-control-request-method"] in self.allow_methods,
        }
        header = next((name for name in good if not good[name]), "Access-Control-Request-Headers")
        detail = f"{header} has a value that is not allowed to pages of other origins."
        problem = Problem(problems.INVALID_HEADER, detail, members={"header": header})
        return problem.response("/", new_job_id())
