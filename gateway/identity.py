"""Who asks: the client of a request, by its key, or by the session that a person has signed in to."""

import re

from starlette.requests import HTTPConnection

from bff.broker.tickets import OperatorSessions, Sessions
from bff.catalog.clients import PUBLIC, Client, hash_of
from gateway import problems
from gateway.gateway import Gateway, gateway_of
from gateway.problems import Problem

SESSION_COOKIE = "bff_session"
OPERATOR_COOKIE = "bff_operator"
"""Of a session at the console: no client's session opens it, and it opens nothing of a client's."""
_SESSIONS = {
    name: re.compile(rf"(?:^|;)[ \t]*+{name}=([A-Za-z0-9_-]{{1,100}})[ \t]*+(?:;|$)")
    for name in (SESSION_COOKIE, OPERATOR_COOKIE)
}
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="bff"'}


async def client_of(connection: HTTPConnection) -> Client:
    """The client. Raises Problem `unauthorized`, BrokerUnavailable."""
    client, _ = await holder_of(connection)
    return client


async def holder_of(connection: HTTPConnection) -> tuple[Client, str | None]:
    """The client, and the hash of the key by which it is known; None where none is asked for. Raises as above."""
    gateway = gateway_of(connection)
    clients = gateway.clients.now()
    if not gateway.settings.auth:
        return clients.by_name[PUBLIC], None
    key = bearer(connection)
    key_hash = await _session_hash(connection) if key is None else hash_of(key)
    client = None if key_hash is None else clients.with_hash(key_hash)
    if client is None:
        detail = "Send a key that this gateway knows, as Authorization: Bearer KEY."
        raise Problem(problems.UNAUTHORIZED, detail, headers=_CHALLENGE)
    return client, key_hash


def revoked(gateway: Gateway, key_hash: str | None) -> bool:
    """Whether a key that was good is no more: what it has opened ends with it."""
    return key_hash is not None and gateway.clients.now().with_hash(key_hash) is None


async def require_admin(connection: HTTPConnection) -> str:
    """The hash of an operator's key, sent or signed in with at the console; asked for also where authentication is off.

    Raises Problem `unauthorized`, `forbidden`; BrokerUnavailable.
    """
    gateway, key = gateway_of(connection), bearer(connection)
    if key is not None:
        if not is_operators(gateway, hash_of(key)):
            raise Problem(problems.FORBIDDEN, "This is for operators: it takes a key of [admin] in the clients file.")
        return hash_of(key)
    key_hash = await _operators_hash(connection)
    if key_hash is None or not is_operators(gateway, key_hash):
        detail = "This is for operators: send the key of [admin] in the clients file, as Authorization: Bearer KEY."
        raise Problem(problems.UNAUTHORIZED, detail, headers=_CHALLENGE)
    return key_hash


def is_operators(gateway: Gateway, key_hash: str) -> bool:
    return key_hash in gateway.clients.now().admin_hashes


def bearer(connection: HTTPConnection) -> str | None:
    """The key that was sent in the header Authorization; empty where the header has no key in it."""
    value = connection.headers.get("authorization")
    if value is None:
        return None
    scheme, _, key = value.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def origin_allowed(connection: HTTPConnection) -> bool:
    """Whether the page that a browser sends this from is ours, or listed. Others than browsers name no origin."""
    origin, host = connection.headers.get("origin"), connection.headers.get("host", "").lower()
    if origin is None:
        return True
    ours = (f"http://{host}", f"https://{host}") if host else ()
    return origin.lower() in ours or origin.lower() in gateway_of(connection).settings.origins


def from_our_page(connection: HTTPConnection) -> bool:
    """Whether a request that changes something was made by a page of ours, not by another that only sends to us."""
    site = connection.headers.get("sec-fetch-site")
    return origin_allowed(connection) if site is None else site == "same-origin"


def session_of(connection: HTTPConnection, cookie: str = SESSION_COOKIE) -> str | None:
    """The session in the cookie. Python's own reader of cookies takes time squared, until 3.12.6."""
    found = _SESSIONS[cookie].search(connection.headers.get("cookie", ""))
    return None if found is None else found[1]


async def _session_hash(connection: HTTPConnection) -> str | None:
    session = _trusted(connection, SESSION_COOKIE)
    return session and await Sessions(gateway_of(connection).broker.cell).key_hash_of(session)


async def _operators_hash(connection: HTTPConnection) -> str | None:
    session = _trusted(connection, OPERATOR_COOKIE)
    return session and await OperatorSessions(gateway_of(connection).broker.cell).key_hash_of(session)


def _trusted(connection: HTTPConnection, cookie: str) -> str | None:
    """The session; None where it would change something for a page that is not ours."""
    if connection.scope.get("method") in _SAFE_METHODS or from_our_page(connection):
        return session_of(connection, cookie)
    return None
