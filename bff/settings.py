"""The settings that gateways and workers share: they must agree on them."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from bff.catalog.clients import SHIPPED_CLIENTS
from bff.catalog.services import SHIPPED_SERVICES
from bff.logs import LogFormat, LogLevel
from bff.policies.destination import origins_of
from bff.policies.smtp import smtp_server_of


def _origins(text: str) -> str:
    origins_of(text)
    return text


def _smtp(url: str) -> str:
    smtp_server_of(url)
    return url


class BrokerSettings(BaseSettings):
    """Where the broker is, and what is offered there: enough for commands that visit it."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True, extra="ignore")

    redis_url: Annotated[
        str,
        Field(
            validation_alias="REDIS_URL",
            pattern=r"^(redis|rediss|unix)://",
            description="The broker: redis://, rediss:// (TLS) or unix://. Redis 6.2 or later, never evicting.",
        ),
    ] = "redis://127.0.0.1:6379/0"
    services_file: Annotated[
        Path,
        Field(validation_alias="SERVICES_FILE", description="TOML file with a table [services.NAME] for each service."),
    ] = SHIPPED_SERVICES
    downstream_url: Annotated[
        str,
        Field(
            validation_alias="DOWNSTREAM_URL",
            pattern=r"^https?://",
            description="What ${DOWNSTREAM_URL} stands for in the services file.",
        ),
    ] = "http://127.0.0.1:9000"
    key_prefix: Annotated[
        str,
        Field(
            validation_alias="KEY_PREFIX",
            pattern=r"^[A-Za-z0-9_.-]{1,40}$",
            description="Begins every key, so that several installations can share one Redis.",
        ),
    ] = "bff"


class KeepingSettings(BrokerSettings):
    """For whoever makes jobs."""

    result_ttl_seconds: Annotated[
        int,
        Field(
            validation_alias="RESULT_TTL_SECONDS",
            ge=1,
            le=2_592_000,
            description="How long a job and its result can be read after its end. The last process to start decides.",
        ),
    ] = 86_400


class SharedSettings(KeepingSettings):
    """What gateways and workers agree on."""

    clients_file: Annotated[
        Path,
        Field(validation_alias="CLIENTS_FILE", description="TOML file with a table [clients.NAME] for each client."),
    ] = SHIPPED_CLIENTS


class LogSettings(SharedSettings):
    """What a process that serves says of itself."""

    log_format: Annotated[
        LogFormat,
        Field(validation_alias="LOG_FORMAT", description="Lines for people, `text`, or an object each, `json`."),
    ] = LogFormat.TEXT
    log_level: Annotated[
        LogLevel,
        BeforeValidator(lambda level: str(level).lower()),
        Field(
            validation_alias="LOG_LEVEL",
            description="The least that is said: `debug` (each job's whole way), `info` (what went another way than it "
            "should), `warning` or `error`.",
        ),
    ] = LogLevel.INFO


class NotifySettings(LogSettings):
    """Where notifications may go: what gateways promise, workers do."""

    webhook_allowed: Annotated[
        str,
        AfterValidator(_origins),
        Field(
            validation_alias="WEBHOOK_ALLOWED",
            description="Origins to which webhooks may go though they are not https, or not public: "
            "`https://hooks.internal,http://127.0.0.1:9999`.",
        ),
    ] = ""

    smtp_url: Annotated[
        str,
        AfterValidator(_smtp),
        Field(
            validation_alias="SMTP_URL",
            description="Where mail is handed in: `smtp://[user:password@]host[:port]` or `smtps://…`. Empty: no mail.",
        ),
    ] = ""

    @property
    def webhook_origins(self) -> frozenset[str]:
        return origins_of(self.webhook_allowed)
