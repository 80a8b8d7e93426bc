"""The headers of a request of which a dozen are asked for: each is looked up, not searched for."""

from functools import cache
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope


class IndexedHeaders(Headers):
    """What Starlette's are, in a dictionary. Of a name that was sent more than once, it has the first value."""

    def __init__(self, scope: Scope) -> None:
        self._list = scope["headers"]
        self._first = dict(reversed(self._list))
        self.repeated = len(self._first) < len(self._list)
        """Whether any name was sent more than once."""

    def get(self, key: str, default: Any = None) -> Any:
        value = self._first.get(_as_sent(key))
        return default if value is None else value.decode("latin-1")

    def getlist(self, key: str) -> list[str]:
        if self.repeated:
            return super().getlist(key)
        value = self._first.get(_as_sent(key))
        return [] if value is None else [value.decode("latin-1")]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and _as_sent(key) in self._first


class IndexedRequest(Request):
    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self._indexed = IndexedHeaders(scope)

    @property
    def headers(self) -> IndexedHeaders:
        return self._indexed


@cache
def _as_sent(name: str) -> bytes:
    """Of the names that this gateway asks for."""
    return name.lower().encode("latin-1")
