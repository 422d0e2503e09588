"""Refusing an upload: every reason names the file or field, the rule and the value."""

from typing import TypedDict

_VALUE_LENGTH = 200


class RejectionReason(TypedDict):
    """One broken rule. `location` is a file name (`archive.zip/member` inside archives) or a metadata field."""

    location: str
    rule: str
    value: str | None
    message: str


class ImportRejected(Exception):  # noqa: N818 - it is a verdict on the input, not an error of ours
    """The upload cannot become a dataset; `reasons` say why."""

    def __init__(self, reasons: list[RejectionReason]) -> None:
        super().__init__("; ".join(f"{r['location']}: {r['message']}" for r in reasons))
        self.reasons = reasons


def rejected(location: str, rule: str, value: object, message: str) -> ImportRejected:
    """Return an `ImportRejected` with one reason; `value` is shown as text, shortened."""
    text = None if value is None else str(value)
    if text is not None and len(text) > _VALUE_LENGTH:
        text = text[: _VALUE_LENGTH - 3] + "..."
    return ImportRejected([RejectionReason(location=location, rule=rule, value=text, message=message)])
