"""Filters of pages: forms send a field that nobody has filled in as an empty text."""

from typing import Any

from pydantic import BeforeValidator


def _none_if_empty(sent: Any) -> Any:
    return sent or None


EMPTY_IS_ANY = BeforeValidator(_none_if_empty)
"""Of a choice that may be left open."""
