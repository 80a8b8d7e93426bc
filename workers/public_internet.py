"""Connections that go to public addresses and nowhere else."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp import AddrInfoType, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from bff.policies.addresses import is_public

RESOLVERS = 32


class NotPublic(OSError):
    """The name, or the address, leads to one that is not public."""


class PublicResolver(AbstractResolver):
    """Every address of a name must be public. Has threads of its own: a slow name server keeps nobody else waiting."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVERS, "resolve")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError: NotPublic, or socket.gaierror where there is no such name."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        )
        results = [_result(host, *each) for each in found]
        if not all(is_public(result["host"]) for result in results):
            raise NotPublic("the name leads to an address that is not public")
        return results

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _result(
    host: str, family: int, kind: int, proto: int, name: str, address: tuple[str | int, ...] | tuple[int, bytes]
) -> ResolveResult:
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(
        hostname=host, host=str(address[0]), port=int(address[1]), family=family, proto=proto, flags=flags
    )


def connect_socket(address: AddrInfoType) -> socket.socket:
    """For each address just before it is connected to, wherever it came from. Raises NotPublic."""
    family, kind, protocol, _, sockaddr = address
    if not is_public(str(sockaddr[0])):
        raise NotPublic("the address is not public")
    return socket.socket(family, kind, protocol)


def public_connector(resolver: AbstractResolver, **more: object) -> TCPConnector:
    """What is resolved for a connection is what it goes to: nothing is looked up twice."""
    return TCPConnector(resolver=resolver, use_dns_cache=False, socket_factory=connect_socket, **more)  # type: ignore[arg-type]
