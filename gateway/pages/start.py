"""The first page: what this gateway offers, each to be tried at once."""

import json
from html import escape

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bff.catalog.model import Operation, Priority
from gateway import problems
from gateway.body import form_of, read_as
from gateway.gateway import gateway_of
from gateway.pages.forms import page_of_job, person, submitted_by_form
from gateway.pages.page import page
from gateway.pages.sign_in import sign_in_link, sign_out_form
from gateway.submission.accept import require_allowed

router = APIRouter(include_in_schema=False)


@router.get("/")
async def start(request: Request) -> Response:
    gateway = gateway_of(request)
    operations = "\n".join(_form(operation) for operation in gateway.catalog.operations.values())
    metrics = '<a href="/metrics">Metrics</a>, ' if gateway.settings.metrics_port is None else ""
    return page(
        "Asynchronous BFF gateway",
        f"""<main>
<h1>Asynchronous BFF gateway</h1>
<p>Send a request, get a correlation id at once, read the result under it.</p>
<ul>
<li><a href="/docs">What it offers, and how to call it</a>
(<a href="/openapi.json">OpenAPI</a>, <a href="/asyncapi.json">AsyncAPI</a>)</li>
<li><a href="/problems">The problems that it answers</a></li>
<li>{metrics}<a href="/readyz">Readiness</a></li>
</ul>
<h2>Try it</h2>
{sign_in_link(request, gateway.settings.auth)}{operations}
{sign_out_form(request)}
</main>""",
        forms=True,
    )


@router.post("/start/{name}")
async def submit(request: Request, name: str) -> Response:
    """The page of the new job."""
    gateway, client = gateway_of(request), await person(request)
    operation = gateway.catalog.operations.get(name)
    if operation is None:
        raise problems.unknown_operation(gateway.catalog.operations)
    require_allowed(client, name)
    form = await form_of(request)
    parameters = read_as(operation.parameters, form.get("parameters", "").encode("utf-8", "replace"))
    timeout_ms = round(operation.timeout_seconds[Priority.NORMAL] * 1000)
    return page_of_job(await submitted_by_form(gateway, client, operation, parameters, Priority.NORMAL, timeout_ms))


def _form(operation: Operation) -> str:
    field = f"parameters-{operation.name}"
    example = escape(json.dumps(operation.example, indent=2))
    rows = example.count("\n") + 1
    return f"""<section aria-labelledby="{field}-title">
<h3 id="{field}-title">{escape(operation.name)}</h3>
<p>{escape(operation.summary)}</p>
<form method="post" action="/start/{operation.name}">
<p><label for="{field}">Parameters of {escape(operation.name)} (JSON)</label><br>
<textarea id="{field}" name="parameters" rows="{rows}" spellcheck="false">{example}</textarea></p>
<p><button>Send {escape(operation.name)}</button></p>
</form>
</section>"""
