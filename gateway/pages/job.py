"""The status page of a job: `GET /jobs/{id}`, for people. Works without JavaScript; with it, it follows the job."""

from html import escape

from fastapi import APIRouter
from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response

from bff.broker.job import Job, JobStatus
from bff.catalog.clients import Client
from bff.wire.document import timestamp
from gateway import problems
from gateway.body import read_as
from gateway.gateway import Gateway, gateway_of
from gateway.identity import client_of
from gateway.ownership import known, own
from gateway.pages.forms import page_of_job, person, submitted_by_form
from gateway.pages.page import page
from gateway.pages.sign_in import sign_out_form
from gateway.pages.words import STATES, duration, progress, sentence, step, steps
from gateway.problems import Problem
from gateway.push.hold import held
from gateway.push.waiters import Channel
from gateway.steering import preferences_of
from gateway.submission.accept import require_allowed

router = APIRouter(include_in_schema=False)

AGAIN_STATES = (JobStatus.FAILED, JobStatus.EXPIRED, JobStatus.CANCELLED)
HELD_SECONDS = 30


@router.get("/jobs/{job_id}")
async def job_page(request: Request, job_id: str) -> Response:
    """As it is; with `?wait=N` or `Prefer: wait=N` once it has ended, at the latest after N seconds."""
    gateway, client = gateway_of(request), await client_of(request)
    job = await known(gateway, client, job_id)
    wait_seconds = preferences_of(request.headers, request.query_params).wait_seconds
    if wait_seconds and not job.status.terminal:
        found = await held(gateway, request, client, job_id, wait_seconds)
        job = own(gateway, await client_of(request), found, job_id)  # the key may have been taken away meanwhile
    gateway.retrieved(job, Channel.LONG_POLL if wait_seconds else Channel.POLL)
    return _page_of(gateway, request, job)


@router.post("/jobs/{job_id}/cancel")
async def cancel(request: Request, job_id: str) -> Response:
    gateway, client = gateway_of(request), await person(request)
    await known(gateway, client, job_id)
    _, ended = await gateway.broker.jobs.cancel(job_id, client.name)
    gateway.metrics.ended(ended)
    return page_of_job(job_id)


@router.post("/jobs/{job_id}/again")
async def again(request: Request, job_id: str) -> Response:
    """Another job of the same parameters; asked for twice, it is still one."""
    gateway, client = gateway_of(request), await person(request)
    job = await known(gateway, client, job_id)
    if job.status not in AGAIN_STATES:
        return page_of_job(job_id)
    return page_of_job(await _submit_again(gateway, client, job))


async def _submit_again(gateway: Gateway, client: Client, job: Job) -> str:
    operation = gateway.catalog.operations.get(job.operation)
    if operation is None:
        raise Problem(problems.UNKNOWN_OPERATION, f"{job.operation} is not offered any more.")
    require_allowed(client, job.operation)
    parameters = read_as(operation.parameters, await gateway.broker.jobs.parameters(job.id))
    return await submitted_by_form(
        gateway, client, operation, parameters, job.priority, job.deadline_ms - job.submitted_ms, f"again:{job.id}"
    )


def _page_of(gateway: Gateway, request: Request, job: Job) -> Response:
    operation = gateway.catalog.operations.get(job.operation)
    title = operation.summary.rstrip(".") if operation else job.operation
    body = f"""<main>
<h1>{escape(title)}</h1>
<p id="state" class="state" role="status">{escape(sentence(job))}</p>
{_progress(job)}
{_actions(job)}
<section aria-labelledby="steps-title">
<h2 id="steps-title">Steps</h2>
{_steps(job)}
</section>
<section aria-labelledby="result-title">
<h2 id="result-title">Result</h2>
{_result(job)}
</section>
<section aria-labelledby="about-title">
<h2 id="about-title">About this request</h2>
{_about(job)}
</section>
{sign_out_form(request)}
</main>"""
    return page(
        f"{STATES[job.status]} – {title}",
        body,
        scripts=["job.js"],
        forms=True,
        headers={"Cache-Control": "private, no-store", "X-Correlation-ID": job.id, "Vary": "Cookie, Authorization"},
    )


def _progress(job: Job) -> str:
    done, total = steps(job)
    left = "" if job.status.terminal else f" Time left: {duration(job.expected_ms / 1000)}."
    return f"""<div id="progress" data-live>
<label for="bar">Progress: {progress(job)}.{left}</label>
<progress id="bar" max="{total}" value="{done}">{done} of {total}</progress>
</div>"""


def _actions(job: Job) -> str:
    """Forms that are there from the beginning: what is shown or hidden is none that has the focus."""
    path = f"/jobs/{job.id}"
    pending = "" if not job.status.terminal else " hidden"
    failed = "" if job.status in AGAIN_STATES else " hidden"
    return f"""<div class="actions">
<form method="get" action="{path}" id="wait"{pending}>
<input type="hidden" name="wait" value="{HELD_SECONDS}">
<button>Wait for the result</button>
<span>Holds the page for up to {HELD_SECONDS} seconds; it then shows how far it is.</span>
</form>
<form method="post" action="{path}/cancel" id="cancel"{pending}>
<button>Cancel</button>
<span>What has been done is undone where it can be.</span>
</form>
<form method="post" action="{path}/again" id="again"{failed}>
<button>Try again</button>
<span>Makes a new request with the same content.</span>
</form>
</div>"""


def _steps(job: Job) -> str:
    rows = "\n".join(
        f'<tr><th scope="row">{escape(call.name)}</th><td>{escape(step(call))}</td></tr>' for call in job.calls
    )
    return f"""<table id="steps" data-live>
<thead><tr><th scope="col">Step</th><th scope="col">State</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>"""


def _result(job: Job) -> str:
    there = [call.name for call in job.graph if call.name in job.outcomes]
    pending = [call.name for call in job.graph if call.status.open]
    parts = [f"<h3>{escape(name)}</h3>\n<pre><code>{_pretty(job.outcomes[name])}</code></pre>" for name in there]
    if pending:
        parts.append(f"<p>Still to come: {escape(', '.join(pending))}.</p>")
    if not parts:
        parts.append("<p>There is none.</p>")
    return '<div id="result" data-live>\n' + "\n".join(parts) + "\n</div>"


def _pretty(data: bytes) -> str:
    return escape(to_json(from_json(data), indent=2).decode())


def _about(job: Job) -> str:
    rows = [("Reference", f"<code>{escape(job.id)}</code>"), ("Priority", escape(job.priority))]
    times = [("Sent", job.submitted_ms), ("Wanted by", job.deadline_ms), ("Ended", job.finished_ms)]
    rows += [(name, _time(at_ms)) for name, at_ms in times if at_ms is not None]
    listed = "\n".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return f'<dl id="about" data-live>\n{listed}\n</dl>'


def _time(at_ms: int) -> str:
    written = timestamp(at_ms)
    return f'<time datetime="{written}">{written[:10]} {written[11:19]} UTC</time>'
