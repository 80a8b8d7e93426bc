"""What can go wrong, and what to do about it.

BffError
├── Answered            the gateway said no, by a `problem`
│   ├── Refused         not now (429, 503, 408, a request with this key in progress): again after `retry_after` seconds
│   ├── Invalid         the request is wrong (400, 404 unknown operation, 413, 415, 422): `errors` lists where
│   ├── Unauthorized    no key, or one that is not known
│   ├── Forbidden       the key does not allow this
│   ├── NotFound        no job of yours has this id
│   │   └── Gone        it had, and is no longer kept
│   ├── NotCancellable  the job has ended
│   └── Broken          the gateway, or a proxy before it, failed (any other 5xx)
├── JobEnded            the job ended without success; `job` is it
│   ├── JobFailed       a required call failed for good
│   ├── JobExpired      it was not done in time: please retry
│   └── JobCancelled    somebody asked for it
├── TimedOut            the caller's time is over and the job still runs; `job` is it, as far as was heard
└── Unreachable         nobody answered. Whether a submission was accepted is unknown: repeat it with `idempotency_key`
"""

from bff_client.job import Job, JobStatus, Problem


class BffError(Exception):
    """Everything that this client raises. `idempotency_key` is that of the submission it ended, where there was one."""

    idempotency_key: str | None = None


class Answered(BffError):
    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(f"{problem.slug} ({problem.status}): {problem.detail or problem.title}")
        self.problem = problem
        self.retry_after = retry_after

    @property
    def reason(self) -> str:
        """Such as `queue-full`."""
        return self.problem.slug


class Refused(Answered): ...


class Invalid(Answered):
    @property
    def errors(self) -> list[dict[str, str]]:
        """`pointer` (RFC 6901) and `detail` of each place that is wrong."""
        return list(self.problem.members.get("errors", []))


class Unauthorized(Answered): ...


class Forbidden(Answered): ...


class NotFound(Answered): ...


class Gone(NotFound): ...


class NotCancellable(Answered): ...


class Broken(Answered): ...


class JobEnded(BffError):
    def __init__(self, job: Job) -> None:
        why = f": {job.error.detail}" if job.error else ""
        super().__init__(f"job {job.id} ended {job.status}{why}")
        self.job = job


class JobFailed(JobEnded): ...


class JobExpired(JobEnded): ...


class JobCancelled(JobEnded): ...


class TimedOut(BffError):
    def __init__(self, job_id: str, job: Job | None) -> None:
        super().__init__(f"job {job_id} was still {job.status if job else 'unknown'} when the time was over")
        self.job_id = job_id
        self.job = job


class Unreachable(BffError): ...


REPEATABLE = (Refused, Broken, Unreachable)
"""After these the same request may be sent again."""

_ENDS = {JobStatus.FAILED: JobFailed, JobStatus.EXPIRED: JobExpired, JobStatus.CANCELLED: JobCancelled}
_BY_SLUG: dict[str, type[Answered]] = {
    "unknown-job": NotFound,
    "job-gone": Gone,
    "job-not-cancellable": NotCancellable,
    "request-in-progress": Refused,
}
_BY_STATUS: dict[int, type[Answered]] = {
    401: Unauthorized,
    403: Forbidden,
    408: Refused,
    410: Gone,
    429: Refused,
    503: Refused,
}


def answered(problem: Problem, retry_after: float | None = None) -> Answered:
    """The error that this problem is."""
    default = Broken if problem.status >= 500 else Invalid
    kind = _BY_SLUG.get(problem.slug) or _BY_STATUS.get(problem.status, default)
    return kind(problem, retry_after)


def success(job: Job) -> Job:
    """The job, which has ended. Raises JobFailed, JobExpired, JobCancelled where it did not succeed."""
    if not job.succeeded:
        raise _ENDS[job.status](job)
    return job
