"""Tensor and array files out of an archive of such files, as a run's folder holds them."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from workers.ladd.importers.image_files import SUFFIXES
from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.member_names import is_litter
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.safe_archive import iter_files
from workers.ladd.importers.reading.uploaded_file import UploadedFile, inspect_file

_READ = (".pt", ".pth", ".npy", ".npz", ".safetensors", ".pkl", ".zip", ".tar", ".tar.gz", ".tgz")
_NAME_BYTES = 200
"""A file's name may have 255."""


def unpack(files: Sequence[UploadedFile], scratch: Path) -> tuple[list[UploadedFile], list[str]]:
    """Put the members of archives without images in the archives' place; the texts say what was left behind.

    Archives inside of archives come out whole. Raises ImportRejected with rule `array_count`, or one of the readers'.
    """
    found: list[UploadedFile] = []
    warnings: list[str] = []
    for number, file in enumerate(files):
        members, others = _members(file.path, scratch / f"unpacked-{number}") if file.kind == "archive" else ([], [])
        found += [inspect_file(member) for member in members] or [file]
        if members and others:
            warnings.append(f"{len(others)} files of {file.path.name} were left out, such as {others[0]}")
    return found, warnings


def _members(path: Path, folder: Path) -> tuple[list[Path], list[str]]:
    """Write the members that may be read into folders below `folder`; none where any is an image."""
    written: list[Path] = []
    others: list[str] = []
    for entry in iter_files(path):
        name = PurePosixPath(entry.name).name
        if is_litter(entry.name):
            continue
        if name.lower().endswith(SUFFIXES):
            for member in written:
                member.unlink()
            return [], []
        # Python's pickles often have names without a suffix, as the batches of CIFAR-10 do.
        if not name.lower().endswith(_READ) and "." in name:
            others.append(entry.name)
            continue
        if len(written) == limits.ARRAYS:
            message = f"an archive may have {limits.ARRAYS} files of tensors or arrays, each a part of one set"
            raise rejected(path.name, "array_count", f"> {limits.ARRAYS}", message)
        # Members of several folders may have one name, and longer ones than a file can have.
        target = folder / str(len(written)) / name.encode()[-_NAME_BYTES:].decode(errors="replace")
        target.parent.mkdir(parents=True)
        entry.save(target)
        written.append(target)
    return written, others
