"""Importers: from files as uploaded to images and labels, by the name of what wrote them.

A new format is one module with `detect` and `read`, and one entry of `method.formats`.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from torch import Tensor

from method.formats import AUTO, FORMATS
from method.near_names import did_you_mean
from workers.ladd.importers.formats import own_archive
from workers.ladd.importers.imported import Imported, ImportOptions, KnownSource, Progress
from workers.ladd.importers.reading.described import described
from workers.ladd.importers.reading.rejected import ImportRejected, rejected
from workers.ladd.importers.reading.safe_torch import read_torch
from workers.ladd.importers.reading.uploaded_file import UploadedFile, inspect_file
from workers.ladd.importers.unpacked import unpack

__all__ = ["ImportOptions", "ImportRejected", "Imported", "Importer", "KnownSource", "importer_of", "read_upload"]

_KINDS = {
    "safetensors": "safetensors",
    "arrays": "an .npz",
    "array": "an .npy array",
    "parquet": "a Parquet file",
    "archive": "an archive",
}


class Importer(Protocol):
    """The two functions of a format's module."""

    def detect(self, files: Sequence[UploadedFile]) -> str | None:
        """Say why these files are of this format, None if they are not."""

    def read(
        self, files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress
    ) -> Imported:
        """Read the files; large arrays go through files in `scratch`. Raises ImportRejected."""


def importer_of(format: str) -> Importer:
    """Return the module that reads a format."""
    return cast(Importer, import_module(FORMATS[format].module))


def read_upload(
    paths: Sequence[Path], options: ImportOptions, scratch: Path, progress: Progress
) -> tuple[Imported, str, str]:
    """Read an upload; returns it with the format's name and the reason for choosing it.

    Raises ImportRejected: with rule `known_format` if no importer recognises the files, `holds_images` if they are
    networks, `only_idc` for a factor of anything else.
    """
    if not paths:
        raise rejected("files", "not_empty", "0 files", "no files were sent")
    sent = [inspect_file(path) for path in paths]
    files, left_out = unpack(sent, scratch) if own_archive.detect(sent) is None else (sent, [])
    for file in files:
        if file.kind == "tensors" and _is_replay_buffer(read_torch(file.path)):
            message = f"{file.path.name} is a replay buffer of MTT: weights of labelers, not a set of images"
            raise rejected(file.path.name, "holds_images", "weights of networks by trajectory and epoch", message)
    name, reason = _choose(files, options.format)
    if options.factor is not None and name != "idc":
        raise rejected("metadata.factor", "only_idc", options.factor, f"a factor is for IDC's mosaics; this is {name}")
    imported = importer_of(name).read(files, options, scratch, progress)
    imported.warnings.extend(left_out)
    if options.format == AUTO:
        name = imported.format or name
    return imported, name, "; ".join([reason, *imported.reasons])


def _is_replay_buffer(content: object) -> bool:
    """Tell lists of trajectories, which are lists of epochs, which are lists of parameters (MTT `buffer.py`)."""
    for _ in range(3):
        if not isinstance(content, list) or not content:
            return False
        content = content[0]
    return isinstance(content, Tensor)


def _choose(files: list[UploadedFile], asked: str) -> tuple[str, str]:
    if asked != AUTO:
        if asked not in FORMATS:
            message = f"formats are {', '.join(FORMATS)}{did_you_mean(asked, FORMATS)}"
            raise rejected("metadata.format", "known_format", asked, message)
        return asked, "named in the metadata"
    for name in FORMATS:
        reason = importer_of(name).detect(files)
        if reason is not None:
            return name, reason
    raise rejected(
        ", ".join(file.path.name for file in files),
        "known_format",
        ", ".join(f"{file.path.name}: {file.kind}" for file in files),
        f"this is no known layout: {'; '.join(f'{file.path.name} is {_found(file)}' for file in files)}. Send images "
        "and labels by these names in one .npz, .safetensors or .pt file, each in a .pt or .npy file of its own, or "
        "image files in class folders as .zip or .tar; docs/formats.md has what methods write",
    )


def _found(file: UploadedFile) -> str:
    if file.kind in ("tensors", "pickle"):
        return described(read_torch(file.path))
    return _KINDS.get(
        file.kind, f"a file of {file.path.stat().st_size} bytes that is neither tensors, arrays nor archive"
    )
