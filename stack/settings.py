"""What `bff up` can be told."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class StackSettings(BaseSettings):
    """Ports are on 127.0.0.1; port 0 is a free one."""

    model_config = SettingsConfigDict(populate_by_name=True, env_ignore_empty=True)

    port: int = Field(
        8000,
        ge=0,
        le=65535,
        validation_alias="GATEWAY_PORT",
        description="Port of the gateway; further gateways follow it.",
    )
    mock_port: int = Field(
        9000, ge=0, le=65535, validation_alias="MOCK_PORT", description="Port of the mock downstream."
    )
    metrics_port: int = Field(
        9100,
        ge=0,
        le=65535,
        validation_alias="WORKER_METRICS_PORT",
        description="Port of the worker's metrics; further workers follow it.",
    )
    simulator: bool = Field(True, validation_alias="SIMULATOR", description="Serve the simulator's page too.")
    simulator_port: int = Field(
        8100,
        ge=0,
        le=65535,
        validation_alias="SIMULATOR_PORT",
        description="Port of the simulator's page. Where it is not given and taken, any free one.",
    )
    redis_url: str | None = Field(
        None,
        pattern="^(redis|rediss|unix)://",
        validation_alias="REDIS_URL",
        description="Use this Redis instead of starting one.",
    )
    data_dir: Path | None = Field(
        None, validation_alias="DATA_DIR", description="Keep the data of Redis there (append-only file)."
    )
    auth: bool = Field(
        False,
        validation_alias="AUTH",
        description="Ask for keys: one for the client `demo` and one for operators are made and said, or taken from "
        "DEMO_KEY and ADMIN_KEY. With CLIENTS_FILE, those of that file.",
    )
    gateways: int = Field(1, ge=1, le=32, validation_alias="GATEWAYS", description="How many gateways.")
    workers: int = Field(1, ge=1, le=32, validation_alias="WORKERS", description="How many workers.")

    @model_validator(mode="after")
    def _one_redis(self) -> Self:
        if self.redis_url and self.data_dir:
            raise ValueError(
                "--data (DATA_DIR) is for the Redis that bff up starts, and with --redis-url (REDIS_URL)"
                " it starts none: give one of the two"
            )
        return self
