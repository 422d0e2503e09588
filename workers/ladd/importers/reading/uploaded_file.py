"""One file of an upload: its kind, as it looks from outside, and the place of its name among others."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workers.ladd.importers.reading.container import container_of
from workers.ladd.importers.reading.safe_numpy import NPY_MAGIC
from workers.ladd.importers.reading.safe_torch import is_pickle, is_tensor_index
from workers.ladd.importers.reading.safe_zip import open_zip

Kind = Literal["tensors", "pickle", "safetensors", "arrays", "array", "parquet", "archive", "other"]


_PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True)
class UploadedFile:
    """A file and its kind.

    `tensors`: a `.pt` zip; `pickle`: a bare pickle; `arrays`: an `.npz`; `array`: an `.npy`; `archive`: any other zip,
    tar or tar.gz; `safetensors` and `parquet` by their first bytes.
    """

    path: Path
    kind: Kind


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key under which runs of digits compare as numbers: `part2` comes before `part10`."""
    return [(int(run), "") if run.isdecimal() else (0, run) for run in re.findall(r"\d+|\D+", name)]


def inspect_file(path: Path) -> UploadedFile:
    """Find out the kind of a file; raises ImportRejected where its container is broken or hostile."""
    container = container_of(path)
    if container == "other":
        return UploadedFile(path, _kind(path))
    if container != "zip":
        return UploadedFile(path, "archive")
    with open_zip(path) as archive:
        names = archive.namelist()
    if any(is_tensor_index(name) for name in names):
        return UploadedFile(path, "tensors")
    return UploadedFile(path, "arrays" if names and all(name.endswith(".npy") for name in names) else "archive")


def _kind(path: Path) -> Kind:
    """Return the kind of a file that is no container."""
    with path.open("rb") as file:
        head = file.read(9)
    if head.startswith(NPY_MAGIC):
        return "array"
    # before pickles: the length that begins a safetensors file may look like the first byte of one
    if head.startswith(_PARQUET_MAGIC):
        return "parquet"
    return "safetensors" if _is_safetensors(path, head) else "pickle" if is_pickle(path) else "other"


def _is_safetensors(path: Path, head: bytes) -> bool:
    """Tell whether a file begins with the length of a JSON header that fits into it."""
    return len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") <= path.stat().st_size - 8
