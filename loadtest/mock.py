"""The mock downstream, set from the scenario for the length of a run, and asked what it saw."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp

from scenario.stage import Stage, StageService

PATIENCE = aiohttp.ClientTimeout(total=5)


class NoMock(Exception):
    """Nothing there answers as the mock downstream does."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a service saw. `slots`: how many calls at once it was to be sent at most."""

    calls: int
    effects: int
    max_effects_per_key: int
    max_in_flight: int
    slots: int
    turned_away: int
    """For more at once, or in a second, than it takes."""


def strained(seen: Mapping[str, Seen]) -> Iterator[str]:
    """Where the stack asked more of a service than the scenario says that it bears."""
    for name, each in seen.items():
        if each.max_in_flight > each.slots or each.turned_away:
            yield (
                f"{name} had up to {each.max_in_flight:,} calls at once, and {each.slots:,} slots; "
                f"{each.turned_away:,} were turned away: does the stack run with the scenario's services (bff export)?"
            )


class Mock:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.was_busy = False
        """It had calls in flight when the run began."""
        self._url = url
        self._session = session

    async def ask(self, method: str, path: str, change: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Raises NoMock."""
        try:
            async with self._session.request(method, f"{self._url}/_control{path}", json=change) as answer:
                document = await answer.json(content_type=None)
                if answer.status != 200:
                    raise NoMock(f"{answer.status}: {document}")
                return dict(document)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise NoMock(str(error) or type(error).__name__) from error

    async def seen(self, stage: Stage) -> dict[str, Seen]:
        services = (await self.ask("GET", ""))["services"]
        return {name: _seen(services[name]["counters"], service) for name, service in stage.services.items()}


@asynccontextmanager
async def set_for(stage: Stage, url: str) -> AsyncIterator[Mock]:
    """Raises NoMock where it does not answer. Put back to what it was afterwards, whatever came of the run."""
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        mock = Mock(url, session)
        before = (await mock.ask("GET", "")).get("services", {})
        if missing := [name for name in stage.services if name not in before]:
            raise NoMock(f"it has no service {missing[0]!r}")
        mock.was_busy = any(settings["counters"]["in_flight"] for settings in before.values())
        await mock.ask("POST", "/reset")
        try:
            for service in stage.services.values():
                await mock.ask("PUT", f"/{service.name}", settings_of(service, stage.scenario.seed))
            yield mock
        finally:
            with suppress(NoMock):  # who is gone has nothing to be put back, and must not hide why the run ended
                await asyncio.shield(_put_back(mock, before))


async def _put_back(mock: Mock, before: Mapping[str, Mapping[str, Any]]) -> None:
    """The settings; the counters stay for whoever wants to read them."""
    for name, settings in before.items():
        await mock.ask("PUT", f"/{name}", {key: value for key, value in settings.items() if key != "counters"})


def settings_of(service: StageService, seed: int) -> dict[str, Any]:
    """As the scenario has it. A bottleneck holds to its own limits, as real services do; the others have none."""
    time = service.time
    return {
        "latency": {"distribution": time.distribution.value, "mean_seconds": time.mean_seconds, "cv": time.cv},
        "max_concurrency": service.service.max_concurrency if service.named else 0,
        "rate_per_second": service.service.rate_per_second if service.named else 0,
        "error_rate": service.error_rate,
        "error_status": 500,  # not 503: an error, no request to come later
        "hang_rate": 0,
        "reset_rate": 0,
        "garbage_rate": 0,
        "drip_rate": 0,
        "seed": seed,
    }


def _seen(counters: Mapping[str, int], service: StageService) -> Seen:
    return Seen(
        calls=counters["calls"],
        effects=counters["effects"],
        max_effects_per_key=counters["max_effects_per_key"],
        max_in_flight=counters["max_in_flight"],
        slots=service.service.max_concurrency,
        turned_away=counters["rejected_concurrency"] + counters["rejected_rate"],
    )
