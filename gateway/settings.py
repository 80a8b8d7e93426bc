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
            description="Requests held open at once (Prefer: wait); one more is answered at once, as the job stands.",
        ),
    ] = 10_000
    auth: Annotated[
        bool,
        Field(validation_alias="AUTH", description="Ask for a key of the clients file; off, everybody is `public`."),
    ] = False
    drain_seconds: Annotated[
        int,
        Field(
            validation_alias="DRAIN_SECONDS",
            ge=0,
            le=600,
            description="Longest time from SIGTERM to the end, for answers that are under way.",
        ),
    ] = 10
