"""Pages for people: what each problem means, and the API's documentation. Everything is served from here."""

from html import escape
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from bff.wire.problem import ProblemType
from gateway import problems
from gateway.problems import PROBLEM_TYPES, Problem

STATIC = Path(__file__).with_name("static")

router = APIRouter(include_in_schema=False)

_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DOCS_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_DOCS_SCRIPTS = ("swagger-ui/swagger-ui-bundle.js", "docs.js")

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{stylesheet}">
{head}</head>
<body>
{body}
</body>
</html>
"""


def page(title: str, body: str, *, head: str = "", stylesheet: str = "/static/page.css", csp: str = _CSP) -> Response:
    """An HTML page with the headers that every page here has."""
    headers = {
        "Content-Security-Policy": csp,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
    return HTMLResponse(_PAGE.format(title=escape(title), stylesheet=stylesheet, head=head, body=body), headers=headers)


@router.get("/")
async def start() -> Response:
    return page(
        "Asynchronous BFF gateway",
        """<main>
<h1>Asynchronous BFF gateway</h1>
<p>Send a request, get a correlation id at once, read the result under it.</p>
<ul>
<li><a href="/docs">What it offers, and how to call it</a> (<a href="/openapi.json">OpenAPI</a>)</li>
<li><a href="/problems">The problems that it answers</a></li>
<li><a href="/metrics">Metrics</a>, <a href="/readyz">readiness</a></li>
</ul>
</main>""",
    )


@router.get("/problems")
async def all_problems() -> Response:
    rows = "\n".join(_row(type_) for type_ in PROBLEM_TYPES.values())
    table = (
        '<table>\n<thead><tr><th scope="col">Type</th><th scope="col">Status</th><th scope="col">Title</th></tr>'
        f"</thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    )
    return page("Problem types", f"<main>\n<h1>Problem types</h1>\n{table}\n</main>")


@router.get("/problems/{slug}")
async def one_problem(slug: str) -> Response:
    type_ = PROBLEM_TYPES.get(slug)
    if type_ is None:
        raise Problem(problems.NOT_FOUND, "There is no problem type of that name; /problems lists them.")
    return page(
        type_.title,
        f"""<main>
<h1>{escape(type_.title)}</h1>
<p>HTTP status {type_.status}, type <code>{type_.path}</code></p>
<h2>What it means</h2>
<p>{_prose(type_.meaning)}</p>
<h2>What to do</h2>
<p>{_prose(type_.remedy)}</p>
<p><a href="/problems">All problem types</a></p>
</main>""",
    )


@router.get("/docs")
async def docs() -> Response:
    return page(
        "Asynchronous BFF gateway: API",
        '<main id="swagger-ui"></main>\n'
        '<noscript><p>The same as data: <a href="/openapi.json">/openapi.json</a></p></noscript>',
        head="".join(f'<script src="/static/{name}" defer></script>\n' for name in _DOCS_SCRIPTS),
        stylesheet="/static/swagger-ui/swagger-ui.css",
        csp=_DOCS_CSP,
    )


def _row(type_: ProblemType) -> str:
    link = f'<a href="{type_.path}">{type_.slug}</a>'
    return f"<tr><td>{link}</td><td>{type_.status}</td><td>{escape(type_.title)}</td></tr>"


def _prose(text: str) -> str:
    """Words between backquotes are code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
