"""One service while it runs: how it is set, what it has counted, and what it remembers."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from downstream_mock.behaviour import Draws
from downstream_mock.counters import Counters, EffectsPerKey
from downstream_mock.exchange import Answer, error
from downstream_mock.limits import StartWindow, TokenBucket
from downstream_mock.replay import Replays
from downstream_mock.steering import DEFAULTS, ServiceSettings, changed


class Service:
    def __init__(self, name: str, settings: ServiceSettings) -> None:
        self.name = name
        self.settings = settings
        self.counters = Counters()
        self.replays = Replays()
        self.draws = Draws(name, settings.seed)
        self._effects_per_key = EffectsPerKey()
        self._starts = StartWindow()
        self._bucket = TokenBucket(settings.rate_per_second, time.monotonic())

    def steer(self, change: dict[str, Any]) -> None:
        """A named seed begins its sequence anew, a new rate a full bucket. Raises ValidationError."""
        self.settings = changed(self.settings, change)
        if "seed" in change:
            self.draws = Draws(self.name, self.settings.seed)
        if self.settings.rate_per_second != self._bucket.rate_per_second:
            self._bucket = TokenBucket(self.settings.rate_per_second, time.monotonic())

    def describe(self) -> dict[str, Any]:
        return {**self.settings.model_dump(mode="json"), "counters": self.counters.as_dict()}

    def refusal(self) -> Answer | None:
        """None: the call may start, its place in the rate is taken. One that finds no slot takes no place."""
        limit, rate = self.settings.max_concurrency, self.settings.rate_per_second
        if limit and self.counters.in_flight >= limit:
            self.counters.rejected_concurrency += 1
            return error(429, f"more than {limit} calls at once", self.retry_after())
        if not self._bucket.take(time.monotonic()):
            self.counters.rejected_rate += 1
            return error(429, f"more than {rate:g} calls per second", self.retry_after())
        return None

    @contextmanager
    def slot(self) -> Iterator[None]:
        counters = self.counters
        counters.in_flight += 1
        counters.max_in_flight = max(counters.max_in_flight, counters.in_flight)
        self._starts.add(time.monotonic())
        counters.max_started_per_second = self._starts.most
        try:
            yield
        finally:
            counters.in_flight -= 1

    def count_effect(self, key: str | None) -> None:
        counters = self.counters
        counters.effects += 1
        if key is not None:
            counters.max_effects_per_key = max(counters.max_effects_per_key, self._effects_per_key.add(key))

    def retry_after(self) -> tuple[bytes, bytes]:
        return b"retry-after", b"%d" % math.ceil(self.settings.retry_after_seconds)


class Services:
    def __init__(self) -> None:
        self._by_name: dict[str, Service] = {}
        self.reset()

    def get(self, name: str) -> Service | None:
        return self._by_name.get(name)

    @property
    def names(self) -> list[str]:
        return list(self._by_name)

    def reset(self) -> None:
        """Every service as if just started. Calls that still run end uncounted, with the old service."""
        self._by_name = {name: Service(name, settings) for name, settings in DEFAULTS.items()}
