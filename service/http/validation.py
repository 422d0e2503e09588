"""Turns pydantic's errors into reasons that name the field by its path in what was sent."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from api_schemas.problems import ErrorCode, Reason
from method.near_names import did_you_mean
from service.core.foundation.errors import ServiceError, reason

MAX_REASONS = 50
MAX_ERRORS = 200
"""A place of several forms has an error for each."""

_NAMES = ("enum", "literal_error")
_SHOULD_BE = "Input should be "
_QUOTED = re.compile(r"'([^']+)'")
_OF_OURS = re.compile(r" or instance of \w+|^Value error, ")
"""Parts of a message that speak to those who write Python."""

# How pydantic shows a member of an enum among the tags it expects.
_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")


def reasons_of(errors: Iterable[Mapping[str, Any]], sent: object, at: Sequence[str] = ()) -> list[Reason]:
    """Return one reason for each place that is wrong, at most `MAX_REASONS`.

    `errors` are pydantic's, with `loc` relative to `sent`, which itself lies at the path `at`. `rule` is pydantic's
    stable name of the error, such as `less_than_equal`. Of a field that may have several forms, it reports the faults
    of the one that was sent, or where that is none of them, all forms in one sentence.
    """
    found = [_reason(error, sent, at) for error in islice(errors, MAX_ERRORS)]
    told = [each for each in found if not (_is_other_form(each) and any(_is_nearer(other, each) for other in found))]
    by_place: dict[str, list[Reason]] = {}
    for each in told:
        by_place.setdefault(each.location, []).append(each)
    return [each for place in by_place.values() for each in _merged(place)][:MAX_REASONS]


def _is_other_form(told: Reason) -> bool:
    """Tell whether a value is not of a form at all, as which a union tries each of its members."""
    return told.rule in _NAMES or told.rule.endswith("_type")


def _is_nearer(other: Reason, told: Reason) -> bool:
    """Tell whether another reason finds fault with a value of a form that is allowed in the same place."""
    if other.location.startswith(f"{told.location}."):
        return True
    return other.location == told.location and not _is_other_form(other)


def _merged(reasons: list[Reason]) -> list[Reason]:
    """Tell the forms of one place in one reason."""
    if not all(map(_is_other_form, reasons)):
        return reasons
    forms = dict.fromkeys(each.message.removeprefix(_SHOULD_BE) for each in reasons)
    names = [each for each in reasons if each.rule in _NAMES]
    chosen = names[-1] if names else reasons[0]
    known = [name for each in names for name in _QUOTED.findall(each.message)]
    message = _SHOULD_BE + " or ".join(forms) if len(forms) > 1 else reasons[0].message
    return [chosen.model_copy(update={"message": message + did_you_mean(chosen.value or "", known)})]


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
    value, message = error["input"], _OF_OURS.sub("", error["msg"])
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
