"""Answers that send the caller to the object storage, whose links expire."""

from typing import Any

from starlette.responses import RedirectResponse

from api_schemas.problems import ErrorCode
from service.http.problems import responses


def redirects(to: str, *codes: ErrorCode) -> dict[str, Any]:
    """Return what a route that answers 307 is declared with; `to` says where `Location` leads."""
    description = f"Temporary Redirect: `Location` is {to} that expires"
    return {
        "status_code": 307,
        "response_class": RedirectResponse,
        "responses": {307: {"description": description}, **responses(ErrorCode.NOT_FOUND, *codes)},
    }


def to_storage(url: str) -> RedirectResponse:
    """Send the caller to a link that must not be kept."""
    return RedirectResponse(url, headers={"Cache-Control": "no-store"})
