"""A problem as a page: what a person sees who asked for one of the pages."""

from html import escape

from starlette.requests import Request
from starlette.responses import Response

from gateway import problems
from gateway.pages.page import page, prose
from gateway.pages.sign_in import operators_sign_in_page, sign_in_page
from gateway.problems import Problem

_PAGES = ("/jobs/", "/start/", "/sign-in", "/console")


def for_people(request: Request) -> bool:
    """Whether it is a page that was asked for, by something that shows pages."""
    return request.url.path.startswith(_PAGES) and "text/html" in request.headers.get("accept", "")


def problem_page(request: Request, problem: Problem) -> Response:
    """Says what is wrong and what to do, with the status and headers of the problem."""
    if problem.type is problems.UNAUTHORIZED and request.url.path.startswith("/console"):
        return operators_sign_in_page()
    if problem.type is problems.UNAUTHORIZED:
        return sign_in_page(request.url.path if request.method == "GET" else "/")
    wait = problem.headers.get("Retry-After")
    later = f"<p>Try again in {escape(wait)} seconds.</p>" if wait else ""
    body = f"""<main>
<h1>{escape(problem.type.title)}</h1>
<p>{escape(problem.detail)}</p>
{later}
<h2>What to do</h2>
<p>{prose(problem.type.remedy)}</p>
<p><a href="{problem.type.path}">What this means</a></p>
</main>"""
    return page(
        problem.type.title, body, status=problem.type.status, headers={**problem.headers, "Cache-Control": "no-store"}
    )
