"""Importer for GLaD: bare tensors as MTT saves them, or the `res_*.pt` dict that its MTT variant ends with."""

from collections.abc import Sequence
from pathlib import Path

from workers.ladd.importers.formats import bare_tensors, dc_dict
from workers.ladd.importers.imported import Imported, ImportOptions, Progress
from workers.ladd.importers.reading.uploaded_file import UploadedFile


def detect(files: Sequence[UploadedFile]) -> str | None:
    """Never: what GLaD writes cannot be told from what MTT and DC write."""
    return None


def read(files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress) -> Imported:
    """Read either layout; raises what `bare_tensors` and `dc_dict` raise."""
    if dc_dict.detect(files) is not None:
        return dc_dict.read(files, options, scratch, progress)
    return bare_tensors.read(files, options, scratch, progress)
