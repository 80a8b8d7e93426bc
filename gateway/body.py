"""Reading a request's body, bounded, declared as JSON."""

from email.message import Message

from starlette.requests import ClientDisconnect, Request

from gateway import problems
from gateway.problems import Problem

LIMIT_BYTES = 1_048_576


async def body_of(request: Request) -> bytes:
    """The body's bytes, at most LIMIT_BYTES. Raises Problem `unsupported-media-type` or `body-too-large`."""
    _check_declared(request)
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > LIMIT_BYTES:
        raise _too_large()
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > LIMIT_BYTES:
                raise _too_large()
            chunks.append(chunk)
    except ClientDisconnect:
        raise Problem(problems.MALFORMED_JSON, "The body ended before it was complete.") from None
    return b"".join(chunks)


def _check_declared(request: Request) -> None:
    content_type = request.headers.get("content-type", "application/json")
    if content_type != "application/json":  # nearly every request: the rest need not be fast
        message = Message()
        message["content-type"] = content_type
        charset = str(message.get_param("charset", "utf-8")).lower()
        if message.get_content_type() != "application/json" or charset not in ("utf-8", "utf8"):
            detail = f"Content-Type is {content_type[:100]!r}; allowed: application/json."
            raise Problem(problems.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Post": "application/json"})
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        detail = f"Content-Encoding is {encoding[:100]!r}; send the body as it is."
        raise Problem(problems.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Encoding": "identity"})


def _too_large() -> Problem:
    detail = f"The body is longer than {LIMIT_BYTES} bytes."
    return Problem(
        problems.BODY_TOO_LARGE, detail, members={"limit_bytes": LIMIT_BYTES}, headers={"Connection": "close"}
    )
