"""The order in which people number files: `part2` before `part10`."""

import re


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key under which runs of digits compare as numbers."""
    return [(int(run), "") if run.isdecimal() else (0, run) for run in re.findall(r"\d+|\D+", name)]
