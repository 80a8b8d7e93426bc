"""What a gateway can be told."""

from typing import Annotated

from pydantic import Field

from bff.settings import NotifySettings


class GatewaySettings(NotifySettings):
    host: Annotated[
        str,
        Field(validation_alias="GATEWAY_HOST", min_length=1, description="Address that the gateway listens on."),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Field(validation_alias="GATEWAY_PORT", ge=0, le=65535, description="Port of the gateway; 0: a free one."),
    ] = 8000
    max_waiters: Annotated[
        int,
        Field(
            validation_alias="MAX_WAITERS",
            ge=0,
            le=1_000_000,
            description="Long polls, event streams and WebSockets held open at once. One more is answered at once as "
            "the job stands, refused with 503, closed with 1013.",
        ),
    ] = 20_000
    max_sync: Annotated[
        int,
        Field(
            validation_alias="MAX_SYNC",
            ge=1,
            le=1_000_000,
            description="Synchronous jobs of one operation under way at once on this gateway; one more gets 503.",
        ),
    ] = 1_000
    max_connections: Annotated[
        int,
        Field(
            validation_alias="MAX_CONNECTIONS",
            ge=1,
            le=1_000_000,
            description="Connections open at once, whatever they do; one more is answered 503 and closed. More than "
            "those who wait.",
        ),
    ] = 30_000
    auth: Annotated[
        bool,
        Field(validation_alias="AUTH", description="Ask for a key of the clients file; off, everybody is `public`."),
    ] = False
    allowed_origins: Annotated[
        str,
        Field(
            validation_alias="ALLOWED_ORIGINS",
            pattern=r"^(https?://[^/\s,?#@]+(,\s*https?://[^/\s,?#@]+)*)?$",
            description="Other web origins whose pages may use the API and the WebSocket, comma-separated.",
        ),
    ] = ""
    metrics_port: Annotated[
        int | None,
        Field(
            validation_alias="GATEWAY_METRICS_PORT",
            ge=0,
            le=65535,
            description="A port of its own for /metrics, which the other then does not answer; unset: the same port.",
        ),
    ] = None
    metrics_host: Annotated[
        str, Field(validation_alias="GATEWAY_METRICS_HOST", min_length=1, description="Address of that port.")
    ] = "127.0.0.1"
    drain_seconds: Annotated[
        int,
        Field(
            validation_alias="DRAIN_SECONDS",
            ge=0,
            le=600,
            description="Longest time from SIGTERM to the end, for answers that are under way.",
        ),
    ] = 10

    @property
    def origins(self) -> frozenset[str]:
        """The allowed origins, as browsers write them."""
        return frozenset(origin.strip().lower() for origin in self.allowed_origins.split(",") if origin.strip())
