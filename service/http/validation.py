"""Turns pydantic's errors into reasons that name the field by its path in what was sent."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from api_schemas.problems import ErrorCode, Reason
from service.core.foundation.errors import ServiceError, reason

MAX_REASONS = 50

# How pydantic shows a member of an enum among the tags it expects.
_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")


def reasons_of(errors: Iterable[Mapping[str, Any]], sent: object, at: Sequence[str] = ()) -> list[Reason]:
    """Return one reason per error, at most `MAX_REASONS`.

    `errors` are pydantic's, with `loc` relative to `sent`, which itself lies at the path `at`. `rule` is pydantic's
    stable name of the error, such as `less_than_equal`.
    """
    return [_reason(error, sent, at) for error in islice(errors, MAX_REASONS)]


def invalid(reasons: Sequence[Reason]) -> ServiceError:
    """Return the refusal of a request that breaks the rules in `reasons`."""
    return ServiceError(ErrorCode.INVALID_REQUEST, summary(reasons), reasons)


def summary(reasons: Sequence[Reason]) -> str:
    """Return one sentence that tells the first broken rule and how many more there are."""
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return f"{reasons[0].location}: {reasons[0].message}{more}."


def _reason(error: Mapping[str, Any], sent: object, at: Sequence[str]) -> Reason:
    kind, details = error["type"], error.get("ctx", {})
    path = [*at, *_path(error["loc"], sent, missing=kind == "missing")]
    value, message = error["input"], error["msg"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        path.append(details["discriminator"].strip("'"))
        value = details.get("tag")
        message = _MEMBER.sub(r"\1", message)
    elif kind == "json_invalid":
        message = f"{message}: {details['error']}, after {error['loc'][-1]} characters"
        value = None
    elif kind == "missing":
        value = None
    if not isinstance(value, str | None):
        value = json.dumps(value, default=repr, ensure_ascii=False)
    return reason(".".join(path), kind, value, message)


def _path(location: Sequence[str | int], sent: object, *, missing: bool) -> list[str]:
    """Keep what can be followed in `sent`: pydantic also names the branches of unions that it tried."""
    path: list[str] = []
    for position, part in enumerate(location):
        in_list = isinstance(sent, list) and isinstance(part, int) and part < len(sent)
        if in_list or (isinstance(sent, Mapping) and part in sent):
            sent = sent[part]  # type: ignore[index]
            path.append(str(part))
        elif missing and position == len(location) - 1:
            path.append(str(part))
    return path
