"""What stands in for a key where a browser cannot send one: a ticket for one WebSocket, a session for the pages."""

import hashlib
import secrets

from bff.broker.cell import Cell

TICKET_SECONDS = 30
SESSION_SECONDS = 8 * 3600


class Tickets:
    """Good once, within TICKET_SECONDS. Raises BrokerUnavailable."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    async def issue(self, key_hash: str) -> str:
        """A new ticket for whoever has this key; 256 random bits. It ends when the key does: see `redeem`."""
        ticket = secrets.token_urlsafe(32)
        await self._cell.redis.execute("SET", self._key(ticket), key_hash, "EX", TICKET_SECONDS)
        return ticket

    async def redeem(self, ticket: str) -> str | None:
        """The hash of the key that it was issued for, once; None where it is over, used or never was."""
        found = await self._cell.redis.execute("GETDEL", self._key(ticket))
        return None if found is None else found.decode()

    def _key(self, ticket: str) -> str:
        return self._cell.keys.ticket(_digest(ticket))


class OperatorTickets(Tickets):
    """To watch over a WebSocket. No client's ticket is one of these, nor the other way round."""

    def _key(self, ticket: str) -> str:
        return self._cell.keys.operator_ticket(_digest(ticket))


class Sessions:
    """Good until SESSION_SECONDS have gone or somebody signs out. Raises BrokerUnavailable."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    async def open(self, key_hash: str) -> str:
        """A new session of whoever has this key; 256 random bits. It ends when the key does: see `key_hash_of`."""
        session = secrets.token_urlsafe(32)
        await self._cell.redis.execute("SET", self._key(session), key_hash, "EX", SESSION_SECONDS)
        return session

    async def key_hash_of(self, session: str) -> str | None:
        """The hash of the key that opened it, for the clients file to say whose it is now."""
        found = await self._cell.redis.execute("GET", self._key(session))
        return None if found is None else found.decode()

    async def close(self, session: str) -> None:
        await self._cell.redis.execute("DEL", self._key(session))

    def _key(self, session: str) -> str:
        return self._cell.keys.session(_digest(session))


class OperatorSessions(Sessions):
    """Of operators at the console. No client's session is one of these, nor the other way round."""

    def _key(self, session: str) -> str:
        return self._cell.keys.operator(_digest(session))


def _digest(token: str) -> str:
    """Who reads Redis cannot use what is kept there."""
    return hashlib.sha256(token.encode()).hexdigest()
