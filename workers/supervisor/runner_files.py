"""Files that a runner hands over, by the names that it gives them: nothing outside its folder, and no links."""

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path


def kept_files(folder: Path, names: Sequence[str]) -> Mapping[str, Path]:
    """Hold the checkpoint's files as they are now, while the runner may already put newer ones in their place."""
    for name in names:
        kept = folder / "kept" / plain_name(name)
        kept.unlink(missing_ok=True)
        _link(folder / "checkpoint" / name, kept)
    return regular_files(folder / "kept", names)


def _link(path: Path, name: Path) -> None:
    """Give the file that is at `path` now another name. Raises FileNotFoundError where there is none."""
    while True:
        try:
            os.link(path, name, follow_symlinks=False)
            return
        except FileNotFoundError:
            # Also when the file found at `path` was replaced before it could be linked; there is one all the same.
            path.lstat()


def regular_files(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return where the files lie that the runner names, by name.

    Raises ValueError for a link, which could point at what only we may read, and whatever else is no file.
    """
    files = {}
    for name in names:
        path = folder / plain_name(name)
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ValueError(f"{folder.name}/{name} is not a regular file")
        files[name] = path
    return files


def plain_name(name: str) -> str:
    """Return a name that is that of a file in a folder, and nothing else; raises ValueError for another."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"{name!r} is not a plain file name")
    return name
