"""Quotations out of an upload in a refusal: short, and nothing that a terminal would obey."""

import io

import pytest

from workers.ladd.importers.reading.rejected import rejected


@pytest.mark.parametrize(
    ("quoted", "shown"),
    [
        ("images/été.png\nsecond line", "images/été.png\nsecond line"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\0\u202e", "\\x00\\u202e"),
        ("\ud800", "\\ud800"),
    ],
    ids=["words", "escape", "NUL and right-to-left", "half a surrogate pair"],
)
def test_what_cannot_be_printed_is_escaped(quoted: str, shown: str) -> None:
    (reason,) = rejected(quoted, "rule", quoted, quoted).reasons
    assert (reason.location, reason.value, reason.message) == (shown, shown, shown)


@pytest.mark.parametrize("letter", ["x", "\0", "\ud800"])
def test_what_is_quoted_is_shortened_as_it_is_shown(letter: str) -> None:
    (reason,) = rejected(5000 * letter, "rule", 5000 * letter, 5000 * letter).reasons
    assert reason.value is not None
    assert (len(reason.location), len(reason.value), len(reason.message)) == (2000, 200, 2000)
    assert reason.message.endswith("...")


def test_no_reason_shows_an_address_in_memory() -> None:
    error = ValueError(f"cannot read {io.BytesIO()!r}")
    assert " at 0x" in str(error)
    [reason] = rejected("a", "readable_image", error, f"broken: {error}").reasons
    assert reason.value == "cannot read <_io.BytesIO object>"
    assert reason.message == "broken: cannot read <_io.BytesIO object>"
