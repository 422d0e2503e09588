"""Links of the API: kept as paths of the service, sent as the caller reaches them through whatever proxy is between."""

from contextvars import ContextVar
from typing import Annotated

from pydantic import PlainSerializer

_address: ContextVar[str] = ContextVar("address_of_the_service", default="")


def reached_at(address: str) -> None:
    """Put `address`, such as `https://labels.example/ladd` or `/ladd`, before every link that this context sends."""
    _address.set(address)


def link(path: str) -> str:
    """Return a link to `path`, such as `/v1/jobs`, as the caller of this context reaches it."""
    return _address.get() + path


Link = Annotated[str, PlainSerializer(link, return_type=str, when_used="json-unless-none")]
"""A path that is sent as a link. Nothing is put before it outside of a request, so what is stored stays a path."""
