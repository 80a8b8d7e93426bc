"""The Python client of the asynchronous BFF gateway."""

from bff_client.channel import Channel
from bff_client.client import Client
from bff_client.errors import (
    Answered,
    BffError,
    Broken,
    Forbidden,
    Gone,
    Invalid,
    JobCancelled,
    JobEnded,
    JobExpired,
    JobFailed,
    NotCancellable,
    NotFound,
    Refused,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from bff_client.job import Call, Job, JobStatus, Problem, Progress
from bff_client.pace import Patience
from bff_client.sync import SyncClient

__all__ = [
    "Answered",
    "BffError",
    "Broken",
    "Call",
    "Channel",
    "Client",
    "Forbidden",
    "Gone",
    "Invalid",
    "Job",
    "JobCancelled",
    "JobEnded",
    "JobExpired",
    "JobFailed",
    "JobStatus",
    "NotCancellable",
    "NotFound",
    "Patience",
    "Problem",
    "Progress",
    "Refused",
    "SyncClient",
    "TimedOut",
    "Unauthorized",
    "Unreachable",
]
