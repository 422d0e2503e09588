"""A set without dense labels in layouts of the field: npz, MTT's tensors, PNG files in class folders.

Equal sets give equal bytes.
"""

import io
import re
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.ladd.archive.archive import ZIP_EPOCH
from workers.ladd.archive.image_files import write_image
from workers.ladd.sets.npy_files import iter_rows
from workers.ladd.sets.preview import as_pixels

Progress = Callable[[int], None]
"""Told how many images were written since it was called last."""

_ROWS_BYTES = 8 << 20
"""Of images read at a time."""


@dataclass(frozen=True)
class PlainSplit:
    """Stored `.npy` files: images uint8 [M, H, W, C] or float32 [M, C, H, W]; labels int64 [M], or float32 [M, classes]
    for a set that came with soft ones; `classes` int64 [M] are the hard labels.
    """

    images: Path
    labels: Path
    classes: Path


@dataclass(frozen=True)
class PlainSet:
    """A set to be written: by split (`""` for a distilled set), its classes by label, and its normalization.

    `carried` is what float images were normalised with, None: they are on the [0, 1] scale; `mean` and `std` are what
    8-bit images are to be normalised with, None: they are not.
    """

    splits: Mapping[str, PlainSplit]
    names: Sequence[str]
    carried: tuple[Sequence[float], Sequence[float]] | None
    mean: Sequence[float] | None
    std: Sequence[float] | None
    learned_lr: float | None


def write_plain(plain: PlainSet, layout: str, path: Path, progress: Progress = lambda images: None) -> None:
    """Write a set in one of `LAYOUTS`. Raises ValueError for a set that the layout does not hold."""
    LAYOUTS[layout](plain, path, progress)


def _write_npz(plain: PlainSet, path: Path, progress: Progress) -> None:
    """Arrays as they are stored, by the names that importers know: `images` or `train_images`, ..., `class_names`."""
    with zipfile.ZipFile(path, "w") as target:
        for split, files in plain.splits.items():
            prefix = f"{split}_" if split else ""
            _copy(target, f"{prefix}images.npy", files.images)
            _copy(target, f"{prefix}labels.npy", files.labels)
            progress(len(_mapped(files.labels)))
        _add(target, "class_names.npy", _npy(np.array(plain.names)))
        if plain.learned_lr is not None:
            _add(target, "lr.npy", _npy(np.array(plain.learned_lr)))


def _write_mtt(plain: PlainSet, path: Path, progress: Progress) -> None:
    """`images_best.pt`, `labels_best.pt`, and `lr_best.pt` where a learning rate was learned, as MTT and DATM save."""
    import torch  # alone of these layouts

    from workers.ladd.engine.normalization import normalize

    if list(plain.splits) != [""]:
        raise ValueError(f"mtt holds a distilled set; got splits {', '.join(plain.splits)}")
    files = plain.splits[""]
    images = torch.from_numpy(np.array(_mapped(files.images)))
    if images.dtype == torch.uint8 and plain.mean is not None and plain.std is not None:
        images = normalize(images, plain.mean, plain.std)
    elif images.dtype == torch.uint8:
        images = images.permute(0, 3, 1, 2).contiguous().float() / 255
    tensors = {"images_best.pt": images, "labels_best.pt": torch.from_numpy(np.array(_mapped(files.labels)))}
    if plain.learned_lr is not None:
        tensors["lr_best.pt"] = torch.tensor(plain.learned_lr)
    with zipfile.ZipFile(path, "w") as target:
        for name, tensor in tensors.items():
            buffer = io.BytesIO()
            torch.save(tensor, buffer)
            _add(target, name, buffer.getvalue())
    progress(len(images))


def _write_png(plain: PlainSet, path: Path, progress: Progress) -> None:
    """`<class>/<number>.png`, of a source set `<split>/<class>/<number>.png`; folders sort as the labels do."""
    folders = class_folders(plain.names)
    with zipfile.ZipFile(path, "w") as target:
        for split, files in plain.splits.items():
            classes = _mapped(files.classes)
            number = 0
            for rows in iter_rows(files.images, _ROWS_BYTES):
                for image in rows:
                    name = f"{split + '/' if split else ''}{folders[int(classes[number])]}/{number:06d}.png"
                    _add(target, name, write_image(as_pixels(image, plain.carried), "png"))
                    number += 1
                progress(len(rows))


def class_folders(names: Sequence[str]) -> list[str]:
    """Return a folder for each class: its name, with its label before it unless sorted names are in label order."""
    plain = [re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("._") or "class" for name in names]
    if plain == sorted(set(plain)):
        return plain
    digits = max(3, len(str(len(names) - 1)))
    return [f"{label:0{digits}d}_{name}" for label, name in enumerate(plain)]


def _mapped(path: Path) -> NDArray[np.generic]:
    array: NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _npy(array: NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _add(target: zipfile.ZipFile, name: str, content: bytes) -> None:
    target.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), content)


def _copy(target: zipfile.ZipFile, name: str, file: Path) -> None:
    info = zipfile.ZipInfo(name, ZIP_EPOCH)
    info.file_size = file.stat().st_size
    with target.open(info, "w") as member, file.open("rb") as source:
        shutil.copyfileobj(source, member)


LAYOUTS: dict[str, Callable[[PlainSet, Path, Progress], None]] = {
    "npz": _write_npz,
    "mtt": _write_mtt,
    "png": _write_png,
}
