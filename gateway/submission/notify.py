"""The header Request-Notify: whom to tell of the job's end. What cannot be done is said at once."""

import re

from bff.broker.job import When
from bff.broker.jobs import Notify
from bff.catalog.clients import Client
from bff.policies.destination import Mail, NotAllowed, Webhook, check, destination_of
from gateway.headers import IndexedHeaders
from gateway.settings import GatewaySettings
from gateway.steering import invalid, single

HEADER = "Request-Notify"

_VALUE = re.compile(r'(?P<uri>\S+?)(\s*;\s*when\s*=\s*("?)(?P<when>[a-z]+)\3)?', re.IGNORECASE)


def notify_of(headers: IndexedHeaders, client: Client, settings: GatewaySettings) -> Notify | None:
    """Raises Problem `invalid-header`."""
    value = single(headers, HEADER)
    if value is None:
        return None
    found = _VALUE.fullmatch(value)
    if found is None:
        raise invalid(HEADER, "is not one URI, with `; when=always` or `; when=unclaimed` behind it or nothing")
    try:
        destination = destination_of(found["uri"])
        _permit(destination, client, settings)
    except NotAllowed as error:
        raise invalid(HEADER, str(error)) from None
    by_default = When.UNCLAIMED if isinstance(destination, Mail) else When.ALWAYS
    return Notify(found["uri"], _when(found["when"], by_default))


def _when(stated: str | None, by_default: When) -> When:
    try:
        return When(stated.lower()) if stated else by_default
    except ValueError:
        raise invalid(HEADER, "has a `when` that is neither always nor unclaimed") from None


def _permit(destination: Webhook | Mail, client: Client, settings: GatewaySettings) -> None:
    """Raises NotAllowed."""
    if isinstance(destination, Mail):
        if not settings.smtp_url:
            raise NotAllowed("is mail, which is not set up here; use an https:// webhook, or poll")
        if client.registered(destination.address) is None:
            raise NotAllowed("is an address that is not registered for this client")
        return
    check(destination, settings.webhook_origins)
    if not client.webhook_secrets:
        detail = "is a webhook, for which this client has no secret to sign it with"
        raise NotAllowed(f"{detail}; have one put into webhook_secrets of the clients file (`bff key` makes one)")
