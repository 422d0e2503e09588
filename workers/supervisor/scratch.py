"""The folder of one attempt at a task, gone when the attempt is over."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = "in-use"


@contextmanager
def attempt_folder(scratch: Path, job_id: str, task_name: str, attempt: int) -> Iterator[Path]:
    """A fresh folder `scratch/<job>/<task>/<attempt>`, removed on leaving together with parents left empty.

    A lock that the kernel drops with our process tells a folder in use from one left by a killed worker.
    """
    folder = scratch / job_id / task_name / str(attempt)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            _remove(folder)


def remove_abandoned(scratch: Path) -> None:
    """Remove what killed workers left behind."""
    for path in scratch.glob(f"*/*/*/{LOCK}"):
        with path.open("r") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            _remove(path.parent)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)
    with suppress(OSError):  # another attempt or task of this job is there
        folder.parent.rmdir()
        folder.parent.parent.rmdir()
