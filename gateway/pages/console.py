"""The operators' page, `GET /console`: the admin API for people. It works without JavaScript; with it, it is live."""

from html import escape
from itertools import islice

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bff.broker.dead_letters import DeadLetters
from bff.broker.job import Medium
from bff.broker.tickets import OperatorSessions
from bff.catalog.clients import hash_of
from gateway.admin.jobs import job_and_timeline
from gateway.admin.overview import OverviewDocument
from gateway.body import form_of
from gateway.gateway import Gateway, gateway_of
from gateway.identity import OPERATOR_COOKIE, from_our_page, is_operators, require_admin, session_of
from gateway.pages import console_sections as sections
from gateway.pages.console_actions import Form, Question, done, question
from gateway.pages.console_words import clock, summary
from gateway.pages.page import page
from gateway.pages.sign_in import key_in, operators_sign_in_page, signed_in, signed_out
from gateway.problems import Problem

router = APIRouter(include_in_schema=False)

LETTERS = 20
"""Shown at once."""
_WITHOUT_SCRIPT = """<noscript><p>Without JavaScript this page shows how things were when it was loaded; its forms work.
The same is there for programs, under <code>/admin/v1</code> (<a href="/docs">API</a>), and as commands:
<code>bff rollout</code>, <code>bff dead-letters</code>.</p></noscript>"""
HEADERS = {"Cache-Control": "private, no-store", "Vary": "Cookie, Authorization"}


@router.get("/console")
async def show(request: Request) -> Response:
    """With `?job=ID` that job's timeline, too. With `?letters=no`, as the script asks, without the dead letters."""
    await require_admin(request)
    return await _console(request, "")


@router.post("/console")
async def act(request: Request) -> Response:
    """The question where there is one to ask first; else the console, and in it what was done."""
    await require_admin(request)
    form = await form_of(request)
    asked = question(form)
    return _question(asked, form) if asked else await _console(request, await done(gateway_of(request), form))


@router.post("/console/sign-in")
async def sign_in(request: Request) -> Response:
    key, _ = await key_in(request)
    gateway = gateway_of(request)
    if not is_operators(gateway, hash_of(key)):
        return operators_sign_in_page(complaint="This is no key of an operator.")
    session = await OperatorSessions(gateway.broker.cell).open(hash_of(key))
    return signed_in(request, "/console", OPERATOR_COOKIE, session, "strict")


@router.post("/console/sign-out")
async def sign_out(request: Request) -> Response:
    session = session_of(request, OPERATOR_COOKIE)
    if session and from_our_page(request):
        await OperatorSessions(gateway_of(request).broker.cell).close(session)
    return signed_out("/console", OPERATOR_COOKIE, "strict")


async def _console(request: Request, said: str) -> Response:
    gateway = gateway_of(request)
    overview: OverviewDocument = await gateway.overview.now()  # type: ignore[assignment]
    names = [*gateway.catalog.services, *Medium]
    letters = ""
    if request.query_params.get("letters") != "no":
        oldest = await DeadLetters(gateway.broker.cell).first(LETTERS)
        letters = sections.letters(oldest, overview["dead_letters"], names)
    job_id = request.query_params.get("job", "").strip()
    body = f"""<main class="console">
<h1>Console</h1>
<p id="summary" class="state" role="status">{escape(summary(overview))}</p>
<p id="done" role="status">{escape(said)}</p>
<p id="as-of" data-live>As of {clock(overview["at"])}.</p>
<p id="link" role="status"></p>
{_WITHOUT_SCRIPT}
{sections.services(overview["services"], overview["queues"])}
{sections.steer([*gateway.catalog.services])}
{sections.lanes(overview["queues"])}
{sections.workers(overview)}
{letters}
{sections.rollout(overview)}
<section aria-labelledby="search-title">
<h2 id="search-title" tabindex="-1">Find a job</h2>
{sections.search(job_id)}
{await _found(gateway, job_id)}
</section>
<form method="post" action="/console/sign-out"><button>Sign out</button></form>
</main>
<dialog id="dialog"></dialog>"""
    return page(
        "Console",
        body,
        scripts=["console.js"],
        forms=True,
        head='<link rel="stylesheet" href="/static/console.css">\n',
        headers=HEADERS,
    )


async def _found(gateway: Gateway, job_id: str) -> str:
    if not job_id:
        return ""
    try:
        return sections.job(*await job_and_timeline(gateway, job_id))
    except Problem as problem:
        return sections.nothing_found(f"{problem.type.title}: {job_id[:100]}.")


def _question(asked: Question, form: Form) -> Response:
    fields = [(name, value) for name, value in islice(form.items(), 8) if name != "sure"]
    hidden = "\n".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields)
    body = f"""<main>
<div id="ask">
<h1 id="ask-title">{escape(asked.title)}</h1>
<p>{escape(asked.meaning)}</p>
<form method="post" action="/console">
{hidden}
<p class="buttons"><button name="sure" value="yes">{escape(asked.button)}</button>
<a href="/console" data-close>Back, and do nothing</a></p>
</form>
</div>
</main>"""
    return page(asked.title, body, forms=True, headers=HEADERS)
