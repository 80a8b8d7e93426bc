"""What a gateway can be told."""

from typing import Annotated

from pydantic import Field

from bff.broker.quota import Quota
from bff.settings import SharedSettings


class GatewaySettings(SharedSettings):
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
    public_requests: Annotated[
        int,
        Field(
            validation_alias="PUBLIC_REQUESTS",
            ge=0,
            le=10_000_000,
            description="Jobs that client `public` may have accepted at once, and per window from then on, over all "
            "gateways; 0: no quota. Inline calls are made before it is looked at.",
        ),
    ] = 0
    public_window_seconds: Annotated[
        int,
        Field(validation_alias="PUBLIC_WINDOW_SECONDS", ge=1, le=86_400, description="That window."),
    ] = 60
    public_max_in_flight: Annotated[
        int,
        Field(
            validation_alias="PUBLIC_MAX_IN_FLIGHT",
            ge=0,
            le=10_000_000,
            description="Jobs of the client `public` that have not ended, over all gateways; 0: no such bound.",
        ),
    ] = 0
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
    def public_quota(self) -> Quota:
        return Quota(
            requests=self.public_requests,
            window_seconds=self.public_window_seconds,
            max_in_flight=self.public_max_in_flight,
        )
