"""What the mock downstream has seen, held against what its services were promised."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import aiohttp

SERVICE_SECONDS = 0.8
"""Of a charge, on 100 slots: 125 a second at best."""
SLOTS = {"inventory": 100, "payments": 100, "orders": 100}
RATES = {"inventory": 1000, "orders": 1000}
PER_SECOND = SLOTS["payments"] / SERVICE_SECONDS
SHOWN = ("calls", "max_in_flight", "max_started_per_second", "effects", "max_effects_per_key")


@dataclass(frozen=True, slots=True)
class Referee:
    """The mock of one stack."""

    client: aiohttp.ClientSession
    url: str

    async def payments_take_constant_time(self, seconds: float = SERVICE_SECONDS) -> None:
        """And no more of them at once than the mock's own limit, whoever calls."""
        latency = {"distribution": "constant", "mean_seconds": seconds}
        settings = {"latency": latency, "max_concurrency": SLOTS["payments"]}
        async with self.client.put(f"{self.url}/_control/payments", json=settings) as answer:
            answer.raise_for_status()

    async def counted(self) -> dict[str, Mapping[str, int]]:
        async with self.client.get(f"{self.url}/_control") as answer:
            services = (await answer.json())["services"]
        return {name: services[name]["counters"] for name in SLOTS}

    async def complaints(self) -> list[str]:
        """Prints what was counted; returns what is wrong with it."""
        counted = await self.counted()
        return [line for name in SLOTS for line in _complaints(name, counted[name])]


def _complaints(name: str, counts: Mapping[str, int]) -> Iterator[str]:
    refused = counts["rejected_concurrency"] + counts["rejected_rate"]
    print(f"{name}: " + ", ".join(f"{key} {counts[key]}" for key in SHOWN) + f", refused by it {refused}")
    if counts["max_in_flight"] > SLOTS[name] or counts["rejected_concurrency"]:
        yield f"{name} was asked for more than {SLOTS[name]} calls at once"
    if counts["rejected_rate"] or (name in RATES and counts["max_started_per_second"] > RATES[name]):
        yield f"{name} was asked for more than {RATES.get(name)} calls a second"
    if counts["max_effects_per_key"] > 1:
        yield f"{name} did something {counts['max_effects_per_key']} times"
