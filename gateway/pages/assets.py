"""Files for browsers, under /static."""

from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope


class Assets(StaticFiles):
    """Kept by browsers, and asked after each time (ETag): the parts of the client module must be of one version."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Always all of it (RFC 9110, 14.2): what is wrong with a Range would be no problem of ours."""
        scope["headers"] = [header for header in scope["headers"] if header[0] != b"range"]
        return await super().get_response(path, scope)

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response
