"""Where the simulator's page is served, and for which services."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from bff.catalog.services import SHIPPED_SERVICES


class SimulatorSettings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, populate_by_name=True, env_ignore_empty=True)

    host: str = Field(
        "127.0.0.1", validation_alias="SIMULATOR_HOST", description="Address that the simulator's page is served on."
    )
    port: int = Field(
        8100,
        ge=0,
        le=65535,
        validation_alias="SIMULATOR_PORT",
        description="Port that it is served on; 0 takes any free one.",
    )
    services_file: Path = Field(
        SHIPPED_SERVICES,
        validation_alias="SERVICES_FILE",
        description="TOML file with a table [services.NAME] for each service, for what scenarios do not name.",
    )
