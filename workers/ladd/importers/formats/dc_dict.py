"""Importer for the files of DC, DSA and DM: `{'data': [[images, labels], ...], 'accs_all_exps': ...}`.

`data` has one entry per experiment (five, in the published runs). DatasetCondensation, `main.py` and `main_DM.py`.
GLaD's MTT variant ends with such a file too.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from workers.ladd.importers.arrays import as_images
from workers.ladd.importers.imported import DISTILLED_SPLIT, Imported, ImportOptions, Progress, Split
from workers.ladd.importers.reading.described import described
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.safe_torch import Array, as_array, is_array, read_torch
from workers.ladd.importers.reading.uploaded_file import UploadedFile
from workers.ladd.importers.soft_labels import read_labels

_METHOD = re.compile(r"res_(DC|DSA|DM)_")
"""File names are `res_<method>_<dataset>_<model>_<ipc>ipc.pt`."""
_LAYOUT = "expected a dict whose 'data' is a list of [images, labels] tensors"


def detect(files: Sequence[UploadedFile]) -> str | None:
    """Recognise one `.pt` file with a dict that has `data`."""
    if len(files) != 1 or files[0].kind not in ("tensors", "pickle"):
        return None
    content = read_torch(files[0].path)
    if not isinstance(content, dict) or not isinstance(content.get("data"), list | tuple):
        return None
    return f"{files[0].path.name} is a dict with 'data', a list of experiments"


def read(files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress) -> Imported:
    """Read one experiment, the last unless `options.experiment` says which.

    Raises ImportRejected with rule `dc_layout`, `experiment_exists`, `distilled_only`, or one of `arrays`'.
    """
    options.require_distilled("these files")
    if len(files) != 1:
        raise rejected("files", "dc_layout", f"{len(files)} files", "a DC, DSA or DM set is one file")
    path = files[0].path
    experiments = _experiments(path.name, read_torch(path))
    index = len(experiments) - 1 if options.experiment is None else options.experiment
    if not 0 <= index < len(experiments):
        raise rejected(
            "metadata.experiment", "experiment_exists", index, f"the file has {len(experiments)} experiments, from 0 on"
        )
    images, labels = _pair(path.name, experiments[index])
    location = f"{path.name}/data[{index}]"
    read = read_labels(as_array(labels, location), location, options)
    pixels = as_images(as_array(images, location), location)
    method = _METHOD.search(path.name)
    warnings = list(read.warnings)
    if len(experiments) > 1 and options.experiment is None:
        warnings.append(f"the last of {len(experiments)} experiments was taken; `experiment` names another")
    return Imported(
        {DISTILLED_SPLIT: Split(pixels, read.hard, location, location, None, read.soft, read.target_columns)},
        warnings=warnings,
        format=method[1].lower() if method else None,
        reasons=[f"experiment {index} of {len(experiments)}, counted from 0", read.reason]
        + ([f"the file's name says {method[1]}"] if method else ["DC, DSA, DM and GLaD's MTT variant save the same"]),
    )


def _experiments(name: str, content: object) -> Sequence[object]:
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(data, list | tuple) or not data:
        raise rejected(name, "dc_layout", described(content), f"{_LAYOUT}; {name} holds {described(content)}")
    return data


def _pair(name: str, experiment: object) -> tuple[Array, Array]:
    if isinstance(experiment, list | tuple) and len(experiment) == 2:
        images, labels = experiment
        if is_array(images) and is_array(labels):
            return images, labels
    found = described(experiment)
    raise rejected(name, "dc_layout", found, f"{_LAYOUT}; an entry of 'data' is {found}")
