"""Splits a `multipart/form-data` body (RFC 7578) into parts as it arrives, holding no part whole."""

from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api_schemas.problems import ErrorCode
from service.core.foundation.errors import ServiceError, reason


@dataclass(frozen=True)
class PartStart:
    """A part begins: its form name and, for a file, the name the sender gives it."""

    name: str
    filename: str | None


@dataclass(frozen=True)
class PartEnd:
    """The part is complete."""


PartEvent = PartStart | bytes | PartEnd


class MultipartSplitter:
    """Turns chunks of a body into `PartStart`, the part's bytes, `PartEnd`.

    Raises `ServiceError` UNSUPPORTED_MEDIA_TYPE for another content type and INVALID_REQUEST for a malformed body.
    """

    def __init__(self, content_type: str | None) -> None:
        media_type, options = parse_options_header(content_type)
        if media_type != b"multipart/form-data":
            raise ServiceError(
                ErrorCode.UNSUPPORTED_MEDIA_TYPE,
                f"Content-Type must be multipart/form-data, got {content_type or 'none'}.",
            )
        if not options.get(b"boundary"):
            raise broken_form("multipart_boundary", "Content-Type names no boundary", content_type)
        self._events: list[PartEvent] = []
        self._headers: dict[bytes, bytes] = {}
        self._field = b""
        self._value = b""
        self._complete = False
        try:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_part_begin": self._headers.clear,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": lambda data, start, end: self._events.append(data[start:end]),
                    "on_part_end": lambda: self._events.append(PartEnd()),
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise broken_form("multipart_boundary", str(error), content_type) from error

    def feed(self, chunk: bytes) -> list[PartEvent]:
        """Return what `chunk` adds."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise broken_form("multipart_syntax", str(error)) from error
        events, self._events = self._events, []
        return events

    def finish(self) -> None:
        """Check that the closing boundary has come."""
        if not self._complete:
            raise broken_form("multipart_complete", "the body ends before its closing boundary")

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _headers_finished(self) -> None:
        disposition, options = parse_options_header(self._headers.get(b"content-disposition"))
        if disposition != b"form-data" or b"name" not in options:
            raise broken_form("content_disposition", "every part needs Content-Disposition: form-data; name=...")
        name, filename = options[b"name"], options.get(b"filename")
        self._events.append(PartStart(_text(name), None if filename is None else _text(filename)))

    def _end(self) -> None:
        self._complete = True


def broken_form(rule: str, message: str, value: str | None = None) -> ServiceError:
    """Return the refusal of a form that breaks `rule`."""
    return ServiceError(
        ErrorCode.INVALID_REQUEST,
        f"The form is malformed: {message}.",
        [reason("body", rule, value, message)],
    )


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise broken_form("utf8_names", "names of parts and files must be UTF-8", repr(value[:100])) from error
