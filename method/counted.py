"""Numbers of things, for sentences."""


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, `1 trial` or `2,000 trials`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
