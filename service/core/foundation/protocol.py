"""The number of the agreement between fronts and workers, which may be of several versions for a while."""

from collections.abc import Mapping
from typing import Any

from api_schemas.problems import ErrorCode
from service.core.foundation.errors import ServiceError

PROTOCOL = 3
"""Tasks, wake-ups and manifests carry the number they were written by; what carries none is of 1.

It is raised by one with every change that an earlier worker would stumble over: a field more in a manifest or in what
lies in it, a parameter, a type of task or an input that it does not know. A task of a higher number is not claimed but
left for a worker that knows it; so is one whose inputs have a higher number, which is found out after the claim.
"""


def check_protocol(document: Mapping[str, Any]) -> None:
    """Raise ServiceError UNAVAILABLE for a document that a newer version has written: another process may know it."""
    written_by = int(document.get("protocol", 1))
    if written_by > PROTOCOL:
        raise ServiceError(
            ErrorCode.UNAVAILABLE,
            f"{document.get('id')} was written by a newer version of the service, protocol {written_by}; this process "
            f"knows {PROTOCOL}: bring it up to date.",
        )
