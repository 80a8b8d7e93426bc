"""Pages for people: what each problem means, and the API's documentation. Everything is served from here."""

from html import escape
from pathlib import Path

from fastapi import APIRouter
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from bff.wire.problem import ProblemType
from gateway import problems
from gateway.pages.page import page, prose
from gateway.problems import PROBLEM_TYPES, Problem
from gateway.schemas.asyncapi import document

STATIC = Path(__file__).parents[1] / "static"

router = APIRouter(include_in_schema=False)

_DOCS_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_DOCS_SCRIPTS = ("swagger-ui/swagger-ui-bundle.js", "docs.js")


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
<p>{prose(type_.meaning)}</p>
<h2>What to do</h2>
<p>{prose(type_.remedy)}</p>
<p><a href="/problems">All problem types</a></p>
</main>""",
    )


@router.get("/asyncapi.json")
async def asyncapi(request: Request) -> Response:
    return Response(to_json(document(request.app.version)), media_type="application/json")


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
