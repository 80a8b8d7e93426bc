"""Signing in to the pages where authentication is on: a key is sent once, and a session stands in for it."""

import re
from html import escape
from typing import Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bff.broker.tickets import SESSION_SECONDS, Sessions
from bff.catalog.clients import hash_of
from gateway import problems
from gateway.body import form_of
from gateway.gateway import gateway_of
from gateway.identity import SESSION_COOKIE, from_our_page, session_of
from gateway.pages.page import page
from gateway.problems import Problem

router = APIRouter(include_in_schema=False)

_LOCAL_PATH = re.compile(r"/(?![/\\])[\x21-\x7e]*")
"""A path of this gateway. `//host` and `/\\host` lead elsewhere in a browser."""
Sites = Literal["lax", "strict"]
"""Whether a cookie comes along where a link of another site leads here: SameSite."""


@router.get("/sign-in")
async def show(request: Request) -> Response:
    return sign_in_page(request.query_params.get("next", "/"), status=200)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    key, back = await key_in(request)
    gateway = gateway_of(request)
    if gateway.clients.now().with_hash(hash_of(key)) is None:
        return sign_in_page(back, complaint="This gateway does not know that key.")
    session = await Sessions(gateway.broker.cell).open(hash_of(key))
    return signed_in(request, back, SESSION_COOKIE, session, "lax")


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    session = session_of(request)
    if session and from_our_page(request):
        await Sessions(gateway_of(request).broker.cell).close(session)
    return signed_out("/sign-in", SESSION_COOKIE, "lax")


async def key_in(request: Request) -> tuple[str, str]:
    """The key that a form of ours brings, and the page to go back to. Raises Problem `forbidden`, or as `form_of`."""
    form = await form_of(request)
    if not from_our_page(request):
        raise Problem(problems.FORBIDDEN, "This form was not sent by a page of this gateway.")
    return form.get("key", "").strip(), _local(form.get("next", "/"))


def signed_in(request: Request, back: str, cookie: str, session: str, sites: Sites) -> Response:
    """Back to the page that was asked for, with the session in a cookie that no script reads."""
    answer = RedirectResponse(back, 303, {"Cache-Control": "no-store"})
    secure = request.url.scheme == "https"
    answer.set_cookie(cookie, session, SESSION_SECONDS, httponly=True, samesite=sites, secure=secure)
    return answer


def signed_out(back: str, cookie: str, sites: Sites) -> Response:
    answer = RedirectResponse(back, 303, {"Cache-Control": "no-store"})
    answer.delete_cookie(cookie, httponly=True, samesite=sites)
    return answer


def sign_out_form(request: Request) -> str:
    """For the pages of who is signed in; empty for others."""
    if session_of(request) is None:
        return ""
    return '<form method="post" action="/sign-out"><button>Sign out</button></form>'


def sign_in_link(request: Request, auth: bool) -> str:
    """For who is not signed in where a key is asked for: signing in later loses what a form was filled with."""
    if not auth or SESSION_COOKIE in request.cookies:
        return ""
    return '<p><a href="/sign-in">Sign in</a> with your key first.</p>\n'


def operators_sign_in_page(complaint: str = "") -> Response:
    """For the console, which takes an operator's key."""
    return sign_in_page(
        "/console", complaint, action="/console/sign-in", title="Sign in to the console", whose="An operator's"
    )


def sign_in_page(
    back: str,
    complaint: str = "",
    status: int = 401,
    *,
    action: str = "/sign-in",
    title: str = "Sign in",
    whose: str = "Your",
) -> Response:
    """Asks for a key; by its status nobody takes it for the page that was asked for."""
    wrong = ' aria-invalid="true" aria-describedby="complaint"' if complaint else ""
    said = f'<p id="complaint" role="alert">{escape(complaint)}</p>' if complaint else ""
    return page(
        title,
        f"""<main>
<h1>{title}</h1>
{said}
<form method="post" action="{action}">
<input type="hidden" name="next" value="{escape(_local(back))}">
<p><label for="key">{whose} key</label><br>
<input id="key" name="key" type="password" autocomplete="current-password" required{wrong}></p>
<p><button>Sign in</button></p>
</form>
</main>""",
        status=status,
        forms=True,
        headers={"Cache-Control": "no-store"},
    )


def _local(path: str) -> str:
    return path if _LOCAL_PATH.fullmatch(path) else "/"
