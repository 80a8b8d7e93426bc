"""What a worker can be told."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from bff.catalog.clients import MAIL_ADDRESS
from bff.settings import NotifySettings


class WorkerSettings(NotifySettings):
    arq_redis_url: Annotated[
        str,
        Field(
            validation_alias="ARQ_REDIS_URL",
            pattern=r"^((redis|rediss|unix)://.*)?$",
            description="Redis of arq's own queue (maintenance, notifications); never a cluster. Empty: the broker.",
        ),
    ] = ""
    metrics_host: Annotated[
        str, Field(validation_alias="WORKER_METRICS_HOST", min_length=1, description="Address of the worker's metrics.")
    ] = "127.0.0.1"
    metrics_port: Annotated[
        int, Field(validation_alias="WORKER_METRICS_PORT", ge=0, le=65535, description="Port of the worker's metrics.")
    ] = 9100
    webhook_ca_file: Annotated[
        Path | None,
        Field(
            validation_alias="WEBHOOK_CA_FILE",
            description="Certificates (PEM) that webhooks trust besides the system's: those of an inside network.",
        ),
    ] = None
    mail_from: Annotated[
        str,
        Field(
            validation_alias="MAIL_FROM",
            pattern=MAIL_ADDRESS,
            description="Who mail is from.",
        ),
    ] = "no-reply@localhost"
    public_url: Annotated[
        str,
        Field(
            validation_alias="PUBLIC_URL",
            pattern=r"^https?://[!-~]+$",
            description="Where clients find the gateway: links in mail begin so.",
        ),
    ] = "http://127.0.0.1:8000"
    drain_seconds: Annotated[
        float,
        Field(
            validation_alias="DRAIN_SECONDS",
            ge=0,
            le=600,
            description="After SIGTERM calls in flight may run on for this long; then they are handed back.",
        ),
    ] = 10
