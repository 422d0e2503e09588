"""Refusing an upload: every reason names the file or field, the rule and the value."""

import re
from collections.abc import Mapping

from api_schemas.problems import Reason

_VALUE_LENGTH = 200
_TEXT_LENGTH = 2000
"""Of a location or a message: both may quote names out of the upload, which have no bound."""


_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
"""An object's place in memory, other at each run, in the messages of libraries."""


class ImportRejected(Exception):  # noqa: N818 - it is a verdict on the input, not an error of ours
    """The upload cannot become a dataset; `reasons` say why."""

    def __init__(self, reasons: list[Reason]) -> None:
        super().__init__("; ".join(f"{reason.location}: {reason.message}" for reason in reasons))
        self.reasons = reasons


def rejected(location: str, rule: str, value: object, message: str) -> ImportRejected:
    """Return an `ImportRejected` with one reason; `value` is shown as text. All are shortened, and always Unicode.

    `location` is a file name (`archive.zip/member` inside archives) or a metadata field.
    """
    text = None if value is None else _shown(str(value), _VALUE_LENGTH)
    shown, explained = _shown(location, _TEXT_LENGTH), _shown(message, _TEXT_LENGTH)
    return ImportRejected([Reason(location=shown, rule=rule, value=text, message=explained)])


def undecided(location: str, seen: str, readings: Mapping[str, str]) -> ImportRejected:
    """Return the refusal, rule `one_reading`, of an upload that can be read in several ways: none is guessed.

    `location` is the metadata field that decides (or the files, where none can), `seen` what was found there, and
    `readings` maps each way to decide to what the upload would then mean.
    """
    listed = "; ".join(f"{choice}: {meaning}" for choice, meaning in readings.items())
    return rejected(
        location, "one_reading", " | ".join(readings), f"{seen}, which can be read in several ways. {listed}"
    )


def _shown(text: str, length: int) -> str:
    text = _ADDRESS.sub("", text[: 2 * length])
    # Names may hold what a terminal obeys, and halves of surrogate pairs, which neither JSON nor UTF-8 can carry.
    shown = "".join(
        each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode()
        for each in text[: length + 1]
    )
    return shown if len(shown) <= length else shown[: length - 3] + "..."
