"""Who asks: the client of a request, by its key, or by the session that a person has signed in to."""

import re

from starlette.requests import HTTPConnection

from bff.broker.tickets import Sessions
from bff.catalog.clients import PUBLIC, Client, hash_of
from gateway import problems
from gateway.gateway import Gateway, gateway_of
from gateway.problems import Problem

SESSION_COOKIE = "bff_session"
_SESSION = re.compile(rf"(?:^|;)[ \t]*+{SESSION_COOKIE}=([A-Za-z0-9_-]{{1,100}})[ \t]*+(?:;|$)")
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


def require_admin(connection: HTTPConnection) -> None:
    """For operators alone, also where authentication is off. Raises Problem `unauthorized`, `forbidden`."""
    clients, key = gateway_of(connection).clients.now(), bearer(connection)
    if key is None:
        detail = "This is for operators: send the key of [admin] in the clients file, as Authorization: Bearer KEY."
        raise Problem(problems.UNAUTHORIZED, detail, headers=_CHALLENGE)
    if hash_of(key) not in clients.admin_hashes:
        raise Problem(problems.FORBIDDEN, "This is for operators: it takes a key of [admin] in the clients file.")


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


def session_of(connection: HTTPConnection) -> str | None:
    """The session in the cookie. Python's own reader of cookies takes time squared, until 3.12.6."""
    found = _SESSION.search(connection.headers.get("cookie", ""))
    return None if found is None else found[1]


async def _session_hash(connection: HTTPConnection) -> str | None:
    session = session_of(connection)
    if session is None or not (connection.scope.get("method") in _SAFE_METHODS or from_our_page(connection)):
        return None
    return await Sessions(gateway_of(connection).broker.cell).key_hash_of(session)
