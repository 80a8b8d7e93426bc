"""Who asks: the client of a request, by its key."""

from starlette.requests import HTTPConnection

from bff.catalog.clients import PUBLIC, Client
from gateway import problems
from gateway.gateway import gateway_of
from gateway.problems import Problem

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="bff"'}


async def client_of(connection: HTTPConnection) -> Client:
    """The client, by the header Authorization. Raises Problem `unauthorized`."""
    gateway = gateway_of(connection)
    if not gateway.settings.auth:
        return gateway.clients.now().by_name[PUBLIC]
    client = gateway.clients.now().with_key(_bearer(connection) or "")
    if client is None:
        raise unauthorized()
    return client


def unauthorized() -> Problem:
    detail = "Send a key that this gateway knows, as Authorization: Bearer KEY."
    return Problem(problems.UNAUTHORIZED, detail, headers=_CHALLENGE)


def require_admin(connection: HTTPConnection) -> None:
    """For operators alone. Raises Problem `unauthorized`, `forbidden`."""
    clients, key = gateway_of(connection).clients.now(), _bearer(connection)
    if key is None:
        raise unauthorized()
    if not clients.admits_admin(key):
        raise Problem(problems.FORBIDDEN, "This is for operators: it takes the key of [admin] in the clients file.")


def _bearer(connection: HTTPConnection) -> str | None:
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None
