"""Where the mock listens; what its services do is steered while it runs, see steering.py."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class MockSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="MOCK_", frozen=True)

    host: str = Field("127.0.0.1", description="Address that the mock downstream listens on.")
    port: int = Field(9000, ge=0, le=65535, description="Port that it listens on; 0 takes any free one.")
