"""What the forms of the pages have in common: who sent them, submitting, and where they lead."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bff.broker.job_id import new_job_id
from bff.broker.jobs import Accepted, Submission
from bff.catalog.clients import Client
from bff.catalog.model import Operation, Parameters, Priority
from gateway import problems
from gateway.gateway import Gateway
from gateway.identity import client_of, from_our_page
from gateway.problems import Problem
from gateway.submission.accept import accept
from gateway.submission.refusal import quota_of


async def person(request: Request) -> Client:
    """Who sent a form of ours. Raises Problem `forbidden` where another's page sent it."""
    if not from_our_page(request):
        raise Problem(problems.FORBIDDEN, "This form was not sent by a page of this gateway.")
    return await client_of(request)


async def submitted_by_form(
    gateway: Gateway,
    client: Client,
    operation: Operation,
    parameters: Parameters,
    priority: Priority,
    timeout_ms: int,
    once: str | None = None,
) -> str:
    """The id of the job; sent twice with the same `once`, it is still one. Raises Problem."""
    submission = Submission(
        id=new_job_id(),
        operation=operation.name,
        client=client.name,
        priority=client.allowed(priority),
        timeout_ms=timeout_ms,
        parameters=parameters.model_dump_json().encode(),
        idempotency_key=once and f"\0{once}",  # as no header can have it
        quota=quota_of(client),
    )
    taken = await accept(gateway, operation, parameters, submission)
    return taken.job.id if isinstance(taken, Accepted) else taken.job_id


def page_of_job(job_id: str) -> Response:
    return RedirectResponse(f"/jobs/{quote(job_id)}", 303, {"Cache-Control": "no-store"})
