"""Tables in Markdown, and text that is not to be taken for it."""

import re
from collections.abc import Iterable, Sequence
from html import escape


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown without line breaks."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def prose(text: str) -> str:
    """Return a docstring as one line of a cell: what stands in backticks stays code, all else is plain text."""
    parts = re.split(r"(`[^`]+`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") and len(part) > 1 else _plain(part) for part in parts)


def code(text: str) -> str:
    """Return a text as code within a cell."""
    return f"`{text}`"


def _plain(text: str) -> str:
    return re.sub(r"([*_\[\]\\])", r"\\\1", escape(text, quote=False)).replace("|", "&#124;")
