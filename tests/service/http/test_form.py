"""Forms in any chunking, and how malformed ones are refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api_schemas.problems import ErrorCode
from service.core.foundation.errors import ServiceError
from service.http.form import FormParser, PartStart

BOUNDARY = b"frontier"
CONTENT_TYPE = "multipart/form-data; boundary=frontier"


def encoded(parts: list[tuple[str, str | None, bytes]]) -> bytes:
    body = b""
    for name, filename, content in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
        body += b"--" + BOUNDARY + b"\r\nContent-Disposition: " + disposition.encode() + b"\r\n"
        body += b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n"
    return body + b"--" + BOUNDARY + b"--\r\n"


def split(body: bytes, chunk_size: int) -> list[tuple[str, str | None, bytes]]:
    parser = FormParser(CONTENT_TYPE)
    parts: list[tuple[str, str | None, bytes]] = []
    for start in range(0, len(body), chunk_size):
        for event in parser.feed(body[start : start + chunk_size]):
            match event:
                case None:
                    pass
                case bytes():
                    name, filename, content = parts[-1]
                    parts[-1] = (name, filename, content + event)
                case PartStart(name=name, filename=filename):
                    parts.append((name, filename, b""))
    parser.finish()
    return parts


# Contents made of pieces of delimiters are the ones a parser gets wrong.
contents = (
    st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"\r\n--", BOUNDARY, b"x", b"\0\xff"]), max_size=12)
    .map(b"".join)
    .filter(lambda content: b"\r\n--" + BOUNDARY not in b"\r\n" + content)
)


@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(
        st.tuples(st.sampled_from(["metadata", "files", "größe"]), st.none() | st.just("ü.pt"), contents),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 50),
)
def test_parts_survive_any_chunking(parts: list[tuple[str, str | None, bytes]], chunk_size: int) -> None:
    assert split(encoded(parts), chunk_size) == parts


def test_quoted_filename_keeps_semicolons() -> None:
    assert split(encoded([("files", "a; b.pt", b"1")]), 1000) == [("files", "a; b.pt", b"1")]


@pytest.mark.parametrize("content_type", [None, "application/json", "multipart/mixed; boundary=x", "text/plain"])
def test_other_media_types_are_unsupported(content_type: str | None) -> None:
    with pytest.raises(ServiceError) as caught:
        FormParser(content_type)
    assert caught.value.code is ErrorCode.UNSUPPORTED_MEDIA_TYPE


@pytest.mark.parametrize("content_type", ["multipart/form-data", f"multipart/form-data; boundary={'x' * 1000}"])
def test_unusable_boundary(content_type: str) -> None:
    with pytest.raises(ServiceError) as caught:
        FormParser(content_type)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.reasons[0].rule == "multipart_boundary"


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"not a form", "multipart_syntax"),
        (encoded([("files", "a.pt", b"1")])[:-30], "multipart_complete"),
        (b"", "multipart_complete"),
        (b"--frontier\r\nContent-Type: text/plain\r\n\r\n1\r\n--frontier--\r\n", "content_disposition"),
        (b'--frontier\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n1\r\n--frontier--\r\n', "utf8_names"),
        (b"--frontier\r\nContent-Disposition: form-data; name=x" + b"x" * 100_000, "multipart_syntax"),
    ],
)
def test_malformed_bodies_name_the_rule(body: bytes, rule: str) -> None:
    with pytest.raises(ServiceError) as caught:
        split(body, 64)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert [reason.rule for reason in caught.value.reasons] == [rule]
