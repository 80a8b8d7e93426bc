"""Signatures of webhooks (Standard Webhooks 1.0.0, https://www.standardwebhooks.com)."""

import base64
import hashlib
import hmac
from collections.abc import Iterable


def signatures(secrets: Iterable[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one for each secret (`whsec_…`), so that a receiver may know any of them."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    keys = (base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets)
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)
