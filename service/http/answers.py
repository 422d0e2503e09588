"""Answers whose `Location` says where to go on: to what is now under way, or to the object storage."""

import re
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse

from api_schemas.links import link
from api_schemas.problems import ErrorCode
from service.core.objects.storage import BLOBS
from service.http.problems import responses

RETRY_AFTER_SECONDS = 2
"""Where nothing is known of how long it will take."""
BLOB_LINK = re.compile(rf"/{BLOBS}[0-9a-f]{{2}}/([0-9a-f]{{64}})$")

ACCEPTED: dict[str, Any] = {
    "description": "Accepted: under way",
    "headers": {
        "Location": {"description": "Where to look.", "schema": {"type": "string"}},
        "Retry-After": {"description": "Seconds to wait before looking.", "schema": {"type": "integer"}},
    },
}
"""`202 Accepted` in OpenAPI."""


_LINKED = {
    "Location": {"description": "The link.", "schema": {"type": "string"}},
    "X-Linked-SHA256": {"description": "Digest of what lies there, in hex.", "schema": {"type": "string"}},
}


def accepted(location: str, created: bool, seconds: int = RETRY_AFTER_SECONDS) -> dict[str, str]:
    """Return headers for what is under way at `location`, to be looked at after so many seconds.

    `created` is False when an earlier request began it.
    """
    return located(location, created) | {"Retry-After": str(seconds)}


def located(location: str, created: bool) -> dict[str, str]:
    """Return headers for what is there at `location`; `created` is False when an earlier request made it."""
    headers = {"Location": link(location)}
    return headers if created else {**headers, "Idempotent-Replayed": "true"}


def redirects(to: str, *codes: ErrorCode) -> dict[str, Any]:
    """Return what a route that answers 307 is declared with; `to` says where `Location` leads."""
    description = f"Temporary Redirect: `Location` is {to} that expires"
    return {
        "status_code": 307,
        "response_class": RedirectResponse,
        "responses": {307: {"description": description, "headers": _LINKED}, **responses(ErrorCode.NOT_FOUND, *codes)},
    }


def to_storage(url: str) -> RedirectResponse:
    """Send the caller to a link of the storage, which expires and must not be kept.

    `X-Linked-SHA256` tells the digest of the blob that lies there, so that a download can be compared with it.
    """
    digest = BLOB_LINK.search(urlsplit(url).path)
    linked = {"X-Linked-SHA256": digest[1]} if digest else {}
    return RedirectResponse(url, headers={"Cache-Control": "no-store", **linked})
