"""Names that somebody may have meant who wrote another."""

from collections.abc import Collection
from difflib import get_close_matches


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return `; did you mean ...?` with up to three known names that are spelt like `name`; "" where none is."""
    spelt = {each.casefold(): each for each in known}
    near = [spelt[match] for match in get_close_matches(name.casefold()[:100], spelt)]
    return f"; did you mean {' or '.join(near)}?" if near else ""
