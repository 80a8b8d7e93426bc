"""The end of a run: wait until all is over, write down what is left, and judge the history."""

import tomllib
from collections.abc import AsyncIterator, Iterable

from tests.faults.checker import GRACE_MS, Verdict, check
from tests.faults.client import Client
from tests.faults.cluster import Cluster
from tests.faults.history import F, Type, read_history
from tests.faults.processes import PATIENCE_SECONDS

SERVICES = ("echo", "inventory", "payments", "orders", "reports")
"""Those whose calls have effects."""

HELD_PERMITS = 2
"""One for each worker: frozen between its permit and its call, it uses it later."""


async def judged(
    cluster: Cluster,
    client: Client,
    *,
    within_seconds: float = PATIENCE_SECONDS,
    rest_seconds: float = PATIENCE_SECONDS,
    grace_ms: int = GRACE_MS,
    services: Iterable[str] = SERVICES,
) -> Verdict:
    """Everything that was accepted has ended, in time, once, for good; nothing is left in the broker."""
    await client.until_all_ended(within_seconds)
    left = await cluster.rest(rest_seconds)
    await client.read_again()
    await _note_what_is_there(cluster, client, services)
    verdict = check(read_history(client.history.path), grace_ms=grace_ms)
    where = f"the history is {client.history.path}\n" + "".join(each.last_words() for each in cluster.started)
    assert not verdict.violations, f"{verdict.violations}; {where}"
    assert not left, f"{left}; {where}"
    over = [line async for line in _over_the_limit(cluster)]
    assert not over, f"{over}; {where}"
    return verdict


async def _note_what_is_there(cluster: Cluster, client: Client, services: Iterable[str]) -> None:
    for key in cluster.redis.client.scan_iter("bff:{c0}:job:*"):
        client.history.add(F.FOUND, Type.OK, id=key.decode().rpartition(":")[2])
    for service in services:
        counted = (await cluster.counted(service))["max_effects_per_key"]
        client.history.add(F.EFFECT, Type.OK, key=service, count=counted)


async def _over_the_limit(cluster: Cluster) -> AsyncIterator[str]:
    """Services that saw more calls at once than they have slots, or more starts in a second than their rate."""
    for name, service in tomllib.loads(cluster.services.read_text())["services"].items():
        counted = await cluster.counted(name)
        # Slots for inline calls are each gateway's own, so that nobody counts them together.
        if name != "accounts" and counted["max_in_flight"] > service["max_concurrency"]:
            yield f"{name} saw {counted['max_in_flight']} calls at once"
        rate = service["rate_per_second"]
        if rate and counted["max_started_per_second"] > rate + HELD_PERMITS:
            yield f"{name} saw {counted['max_started_per_second']} starts in one second, {rate} are allowed"
