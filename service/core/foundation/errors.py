"""The one exception that callers of the core handle, and the outages that come from below."""

from collections.abc import Sequence
from typing import TypeVar

from redis import exceptions as redis_exceptions

from api_schemas.problems import ErrorCode, Reason

OUTAGES = (
    redis_exceptions.ConnectionError,
    redis_exceptions.TimeoutError,
    redis_exceptions.OutOfMemoryError,
    redis_exceptions.ReadOnlyError,
)
"""Raised as they are when Redis cannot answer: the caller may try again later. (Storage raises UNAVAILABLE.)"""


Found = TypeVar("Found")


class ServiceError(Exception):
    """A refusal: a stable `code`, a `message` for the reader, the broken rules as `reasons`."""

    def __init__(self, code: ErrorCode, message: str, reasons: Sequence[Reason] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reasons = list(reasons)


def is_outage(error: BaseException) -> bool:
    """Tell whether Redis or the object storage is away, or refuses for now: the same call may succeed later."""
    return isinstance(error, OUTAGES) or (isinstance(error, ServiceError) and error.code is ErrorCode.UNAVAILABLE)


def in_words(error: Exception) -> str:
    """Return an error of ours as it reads, another one with its type before it, for it may have no words of its own."""
    return error.message if isinstance(error, ServiceError) else f"{type(error).__name__}: {error}"


def reason(location: str, rule: str, value: object, message: str) -> Reason:
    """Build a `Reason`; the value is shown as text of at most 200 characters."""
    text = None if value is None else str(value)
    return Reason(location=location, rule=rule, value=text and text[:200], message=message)


def invalid(location: str, rule: str, value: object, message: str) -> ServiceError:
    """Build the error for a request that breaks one rule."""
    return ServiceError(ErrorCode.INVALID_REQUEST, message, [reason(location, rule, value, message)])


def not_found(what: str, identifier: str) -> ServiceError:
    """Build the error for an id that names nothing."""
    return ServiceError(ErrorCode.NOT_FOUND, f"There is no {what} {identifier}.")


def existing(found: Found | None, what: str, identifier: str) -> Found:
    """Return what was found under an id. Raises ServiceError NOT_FOUND for None."""
    if found is None:
        raise not_found(what, identifier)
    return found
