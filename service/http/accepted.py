"""The headers of `202 Accepted`: where to look, and when."""

from typing import Any

RETRY_AFTER_SECONDS = 2

ACCEPTED: dict[str, Any] = {
    "description": "Accepted: under way",
    "headers": {
        "Location": {"description": "Where to look.", "schema": {"type": "string"}},
        "Retry-After": {"description": "Seconds to wait before looking.", "schema": {"type": "integer"}},
    },
}
"""The answer in OpenAPI."""


def accepted(location: str, created: bool) -> dict[str, str]:
    """Return headers for what is now under way at `location`; `created` is False when an earlier request began it."""
    headers = {"Location": location, "Retry-After": str(RETRY_AFTER_SECONDS)}
    return headers if created else {**headers, "Idempotent-Replayed": "true"}
