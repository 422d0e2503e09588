"""How a webhook is signed, after Standard Webhooks 1.0 (https://www.standardwebhooks.com): one rule for both ends."""

import base64
import binascii
import hmac

ID = "webhook-id"
"""Header with the id of a message, which stays the same however often it is sent."""
TIMESTAMP = "webhook-timestamp"
"""Header with the time of an attempt, in seconds since 1970."""
SIGNATURE = "webhook-signature"
"""Header with one signature or more, separated by blanks: while a secret is replaced, one by each."""
PREFIX = "whsec_"
"""How a secret begins; the rest is base64."""


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return `v1,` and the base64 of the HMAC-SHA256 of id, timestamp and body. Raises ValueError for no secret."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"a webhook's secret begins with {PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"a webhook's secret is base64 behind {PREFIX}") from None
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"
