"""Splits a form (`multipart/form-data`, RFC 7578) into parts as it arrives, holding no part whole."""

from dataclasses import dataclass
from typing import Any

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from api_schemas.problems import ErrorCode
from service.core.foundation.errors import ServiceError, reason

MAX_BOUNDARY_BYTES = 256
MAX_HEADERS = 8
MAX_HEADER_BYTES = 4096


@dataclass(frozen=True)
class PartStart:
    """A part begins: its form name and, for a file, the name the sender gives it."""

    name: str
    filename: str | None


PartEvent = PartStart | bytes | None
"""None: the part is complete."""


class FormParser:
    """Turns chunks of a body into the events of its parts.

    Raises `ServiceError` UNSUPPORTED_MEDIA_TYPE for another content type and INVALID_REQUEST for a malformed body.
    """

    def __init__(self, content_type: str | None) -> None:
        media_type, options = parse_options_header(content_type or "")
        if media_type != "multipart/form-data":
            raise ServiceError(
                ErrorCode.UNSUPPORTED_MEDIA_TYPE,
                f"Content-Type must be multipart/form-data, got {content_type or 'none'}.",
            )
        boundary = options.get("boundary", "")
        if not 0 < len(boundary) <= MAX_BOUNDARY_BYTES:
            message = f"Content-Type has to name a boundary of at most {MAX_BOUNDARY_BYTES} bytes"
            raise broken_form("multipart_boundary", message, content_type)
        self._opening = self._to_come = b"--" + boundary.encode("latin-1")
        self._parser = _Parser(
            boundary.encode("latin-1"),
            max_header_count=MAX_HEADERS,
            max_header_size=MAX_HEADER_BYTES,
            header_charset="latin-1",  # takes every byte: whether names are UTF-8 is for `_text` to say
        )

    def feed(self, chunk: bytes) -> list[PartEvent]:
        """Return what `chunk` adds."""
        if self._to_come == self._opening:
            chunk = chunk.lstrip(b"\r\n")
        expected, self._to_come = self._to_come[: len(chunk)], self._to_come[len(chunk) :]
        if not chunk.startswith(expected):
            # The parser would look for the boundary to the body's end.
            raise broken_form("multipart_syntax", "the body does not begin with its boundary")
        try:
            return [_event(event) for event in self._parser.parse(chunk)] if chunk else []
        except MultipartError as error:
            raise broken_form("multipart_syntax", str(error)) from error

    def finish(self) -> None:
        """Check that the closing boundary has come."""
        try:
            self._parser.close()
        except MultipartError as error:
            raise broken_form("multipart_complete", "the body ends before its closing boundary") from error


class _Parser(PushMultipartParser):  # type: ignore[misc]
    def _create_segment(self, headerlist: list[tuple[str, str]]) -> Any:
        part = MultipartSegment(headerlist)
        if part.disposition != "form-data" or part.name is None:
            raise broken_form("content_disposition", "every part needs Content-Disposition: form-data; name=...")
        return part


def _event(event: Any) -> PartEvent:
    if event is None or isinstance(event, bytes):
        return event
    return PartStart(_text(event.name), None if event.filename is None else _text(event.filename))


def broken_form(rule: str, message: str, value: str | None = None) -> ServiceError:
    """Return the refusal of a form that breaks `rule`."""
    return ServiceError(
        ErrorCode.INVALID_REQUEST,
        f"The form is malformed: {message}.",
        [reason("body", rule, value, message)],
    )


def _text(name: str) -> str:
    raw = name.encode("latin-1")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise broken_form("utf8_names", "names of parts and files must be UTF-8", repr(raw[:100])) from error
