"""An HTML page as every page here is: one layout, one style, and headers by which it runs nothing but its own."""

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType

from starlette.responses import HTMLResponse, Response

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


def page(
    title: str,
    body: str,
    *,
    status: int = 200,
    scripts: Sequence[str] = (),
    forms: bool = False,
    head: str = "",
    stylesheet: str = "/static/page.css",
    csp: str = "",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """`body` and `head` are HTML, `title` is text. `scripts` are modules under /static that run once the page is there.

    A page may run scripts, or send forms, only where it has some; `csp` says something else altogether.
    """
    sent = {
        "Content-Security-Policy": csp or _policy(bool(scripts), forms),
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
        **headers,
    }
    head += "".join(f'<script type="module" src="/static/{name}"></script>\n' for name in scripts)
    filled = _PAGE.format(title=escape(title), stylesheet=stylesheet, head=head, body=body)
    return HTMLResponse(filled, status, headers=sent)


def _policy(scripts: bool, forms: bool) -> str:
    own = "; script-src 'self'; connect-src 'self'" if scripts else ""
    action = "'self'" if forms else "'none'"
    return (
        f"default-src 'none'; style-src 'self'; img-src 'self' data:{own}; "
        f"base-uri 'none'; form-action {action}; frame-ancestors 'none'"
    )


def prose(text: str) -> str:
    """Words between backquotes are code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
