"""The end of a run: wait until all is over, write down what is left, and judge the history."""

from collections.abc import Iterable

from tests.faults.checker import GRACE_MS, Verdict, check
from tests.faults.client import Client
from tests.faults.cluster import Cluster
from tests.faults.history import F, Type, read_history

SERVICES = ("echo", "inventory", "payments", "orders", "reports")
"""Those whose calls have effects."""


async def judged(
    cluster: Cluster,
    client: Client,
    *,
    within_seconds: float = 30,
    grace_ms: int = GRACE_MS,
    services: Iterable[str] = SERVICES,
) -> Verdict:
    """Everything that was accepted has ended, in time, once, for good; nothing is left in the broker."""
    await client.until_all_ended(within_seconds)
    left = await cluster.rest()
    await client.read_again()
    await _note_what_is_there(cluster, client, services)
    verdict = check(read_history(client.history.path), grace_ms=grace_ms)
    where = f"the history is {client.history.path}"
    assert not verdict.violations, f"{verdict.violations}; {where}"
    assert not left, f"{left}; {where}"
    return verdict


async def _note_what_is_there(cluster: Cluster, client: Client, services: Iterable[str]) -> None:
    for key in cluster.redis.client.scan_iter("bff:{c0}:job:*"):
        client.history.add(F.FOUND, Type.OK, id=key.decode().rpartition(":")[2])
    for service in services:
        counted = (await cluster.counted(service))["max_effects_per_key"]
        client.history.add(F.EFFECT, Type.OK, key=service, count=counted)
