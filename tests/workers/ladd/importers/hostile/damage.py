"""Every reader's own upload, cut off or with bits flipped: read or refused, never anything else."""

import random
from collections.abc import Iterator, Mapping

from tests.workers.ladd.importers.hostile.case import Case, lazily
from tests.workers.ladd.importers.hostile.valid_files import OPTIONS, VALID, valid

CUTS = (0, 1, 2, 8, 64, 512, -1, -2, -22, -64, -512)
"""Bytes kept, or cut off at the end."""
TARS = ("sre2l", "lpld", "rded")
"""Readers of tars, which end with zeros that nobody misses."""
FLIPS = 8
MOST_FLIPPED = 4


def damage_cases() -> Iterator[Case]:
    """Yield the cases of every reader."""
    for reader in VALID:
        for cut in CUTS:
            yield Case(
                f"{reader} cut at {cut}",
                reader,
                lazily(lambda r, c: _cut(r, c), reader, cut),
                readable=cut < 0 and reader in TARS,
                options=OPTIONS.get(reader, {}),
            )
        for seed in range(FLIPS):
            yield Case(
                f"{reader} flipped {seed}",
                reader,
                lazily(lambda r, s: flipped(r, random.Random(f"{r} {s}")), reader, seed),
                readable=True,
                options=OPTIONS.get(reader, {}),
            )


def flipped(reader: str, draw: random.Random) -> Mapping[str, bytes]:
    """Return the upload with some bits of one file flipped."""
    files = dict(valid(reader))
    name = draw.choice(sorted(files))
    data = bytearray(files[name])
    for _ in range(draw.randint(1, MOST_FLIPPED)):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return {**files, name: bytes(data)}


def _cut(reader: str, cut: int) -> Mapping[str, bytes]:
    files = dict(valid(reader))
    name = max(files, key=lambda file: len(files[file]))
    return {**files, name: files[name][:cut]}
