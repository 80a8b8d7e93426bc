"""How a service behaves, as `PUT /_control/{service}` sets it, and how each behaves at first."""

import json
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Distribution(StrEnum):
    CONSTANT = "constant"
    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"
    GAMMA = "gamma"


class Latency(BaseModel):
    """The time of a call. Nothing caps it: an exponential one of 0.8 s is over 8 s once in 22,000 calls."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    distribution: Distribution
    mean_seconds: float = Field(ge=0, le=3600)
    cv: float = Field(1.0, ge=0, le=10, description="Deviation ÷ mean; of lognormal and gamma only.")


class ServiceSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    latency: Latency
    max_concurrency: int = Field(0, ge=0, le=1_000_000, description="0: no limit.")
    rate_per_second: float = Field(0, ge=0, le=1_000_000, description="0: no limit.")
    error_rate: float = Field(0, ge=0, le=1)
    error_status: int = Field(503, ge=400, le=599)
    retry_after_seconds: float = Field(1, ge=0, le=86_400)
    hang_rate: float = Field(0, ge=0, le=1)
    reset_rate: float = Field(0, ge=0, le=1)
    garbage_rate: float = Field(0, ge=0, le=1)
    drip_rate: float = Field(0, ge=0, le=1)
    seed: int = 1
    honours_idempotency_key: bool = True

    @model_validator(mode="after")
    def _shares_fit_into_one(self) -> Self:
        # A hair over 1 is 0.7 + 0.2 + 0.1 in floats.
        total = self.reset_rate + self.hang_rate + self.garbage_rate + self.drip_rate + self.error_rate
        if total > 1 + 1e-9:
            raise ValueError(f"reset, hang, garbage, drip and error rate add up to {total:g}, more than 1")
        return self


def changed(settings: ServiceSettings, change: dict[str, Any]) -> ServiceSettings:
    """What `change` leaves out stays as in `settings`, within `latency` too. Raises ValidationError."""
    current = settings.model_dump(mode="json")
    merged = {**current, **change}
    if isinstance(change.get("latency"), dict):
        merged["latency"] = {**current["latency"], **change["latency"]}
    # Through JSON, since strict mode takes an enum's value from there alone.
    return ServiceSettings.model_validate_json(json.dumps(merged))


def _settings(
    distribution: Distribution, mean_seconds: float, *, cv: float = 1.0, concurrency: int = 0, rate: float = 0
) -> ServiceSettings:
    latency = Latency(distribution=distribution, mean_seconds=mean_seconds, cv=cv)
    return ServiceSettings(latency=latency, max_concurrency=concurrency, rate_per_second=rate)


DEFAULTS = {
    "echo": _settings(Distribution.CONSTANT, 0.005, concurrency=1000),
    "inventory": _settings(Distribution.CONSTANT, 0.02, rate=1000),
    "payments": _settings(Distribution.EXPONENTIAL, 0.8, concurrency=100),
    "orders": _settings(Distribution.CONSTANT, 0.02, rate=1000),
    "accounts": _settings(Distribution.CONSTANT, 0.05, concurrency=200),
    "recommendations": _settings(Distribution.LOGNORMAL, 0.2, concurrency=100),
    "history": _settings(Distribution.LOGNORMAL, 0.3, concurrency=100),
    "reports": _settings(Distribution.GAMMA, 8.0, cv=0.5, concurrency=10),
}
