"""A toy format: a text file with one grey image a line, its label first."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workers.ladd.importers.imported import DISTILLED_SPLIT, Imported, ImportOptions, Progress, Split
from workers.ladd.importers.reading.uploaded_file import UploadedFile


def detect(files: Sequence[UploadedFile]) -> str | None:
    return "one file ends with .toy" if [file.path.suffix for file in files] == [".toy"] else None


def read(files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress) -> Imported:
    [file] = files
    rows = np.loadtxt(file.path, dtype=np.int64, ndmin=2)
    side = round((rows.shape[1] - 1) ** 0.5)
    images = rows[:, 1:].astype(np.uint8).reshape(-1, side, side, 1)
    name = file.path.name
    return Imported({DISTILLED_SPLIT: Split(images, rows[:, 0], name, name)})
