"""Refusing to guess: what can be read in several ways is sent back with the readings and the field that decides."""

from collections.abc import Mapping

from workers.ladd.importers.reading.rejected import ImportRejected, rejected


def undecided(location: str, seen: str, readings: Mapping[str, str]) -> ImportRejected:
    """Return the refusal, rule `one_reading`.

    `location` is the metadata field that decides (or the files, where none can), `seen` what was found there, and
    `readings` maps each way to decide to what the upload would then mean.
    """
    listed = "; ".join(f"{choice}: {meaning}" for choice, meaning in readings.items())
    return rejected(
        location, "one_reading", " | ".join(readings), f"{seen}, which can be read in several ways. {listed}"
    )
