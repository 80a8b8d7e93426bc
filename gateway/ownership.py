"""Whose job it is: another's, or none at all, looks the same."""

import time

from bff.broker.job import Job
from bff.broker.job_id import is_job_id, made_at_ms
from bff.catalog.clients import Client
from gateway import problems
from gateway.gateway import Gateway
from gateway.problems import Problem


async def known(gateway: Gateway, client: Client, job_id: str) -> Job:
    """The client's own job, read now. Raises Problem `unknown-job`, `job-gone`; BrokerUnavailable."""
    found = await gateway.broker.jobs.read(job_id) if is_job_id(job_id) else None
    return own(gateway, client, found, job_id)


def own(gateway: Gateway, client: Client, job: Job | None, job_id: str) -> Job:
    """The job, where it is this client's. Raises Problem as above."""
    if job is None or job.client != client.name:
        raise unknown(gateway, job_id)
    return job


def unknown(gateway: Gateway, job_id: str, detail: str = "No job of yours has this id.") -> Problem:
    """404, or 410 where the id itself says that its time is over: to anyone, whether or not it ever was."""
    if is_job_id(job_id):
        age_seconds = time.time() - made_at_ms(job_id) / 1000
        if 1 < age_seconds / gateway.settings.result_ttl_seconds <= 2:
            return Problem(problems.JOB_GONE, "Jobs of that time are no longer kept.")
    return Problem(problems.UNKNOWN_JOB, detail)
