"""Numbers and states in words, as pages say them."""

import re

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]+)`")
_STEPS = ("B", "kB", "MB", "GB", "TB")

MARKS = {
    "queued": "○",
    "validating": "◔",
    "running": "◐",
    "canceling": "◑",
    "succeeded": "●",
    "ready": "●",
    "failed": "✕",
    "rejected": "✕",
    "canceled": "–",
    "expired": "–",
}
"""A shape for each state, since colour alone tells not everybody."""


def bytes_in_words(count: float) -> str:
    """Return a number of bytes as `1.2 MB`, with powers of 1,000."""
    for unit in _STEPS:
        if abs(count) < 1000 or unit == _STEPS[-1]:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    raise AssertionError


def flops_in_words(count: float) -> str:
    """Return a number of FLOPs as `3.4 TFLOP`."""
    for unit in ("", "k", "M", "G", "T"):
        if count < 1000:
            return f"{count:,.3g} {unit}FLOP"
        count /= 1000
    return f"{count:,.3g} PFLOP"


def state_mark(state: str) -> str:
    """Return the shape of a state."""
    return MARKS.get(state, "·")


def with_code(text: str) -> Markup:
    """Return a text with what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))
