"""Fashion-MNIST (MIT licence): find it on this machine or fetch it, read it, pack it as a source set.

Looked for in this order: the folder named by LADD_FASHION_MNIST_DIR; the Debian package `dataset-fashion-mnist`,
installed on the way when run as root; torchvision's downloader.
"""

import gzip
import io
import os
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DEBIAN_PACKAGE = "dataset-fashion-mnist"
CLASS_FOLDERS = (
    "0_t-shirt", "1_trouser", "2_pullover", "3_dress", "4_coat",
    "5_sandal", "6_shirt", "7_sneaker", "8_bag", "9_ankle-boot",
)  # fmt: skip
"""Folder names in label order (the ten classes of the data set's README), which is also their sorted order."""

SIDE = 28
PADDED_SIDE = 32
_FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", 60_000),
    "val": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", 10_000),
}
# The idx format's magic numbers: unsigned bytes in three dimensions, and in one.
_IMAGES_MAGIC, _LABELS_MAGIC = 0x0803, 0x0801


class FashionMnistError(Exception):
    """The data is not there, or is not what it should be; the message says what to do."""


def find_fashion_mnist(cache: Path) -> Path:
    """The folder that holds the four idx.gz files. `cache` is where a download goes.

    Raises:
        FashionMnistError: no way to the data worked.
    """
    chosen = os.environ.get("LADD_FASHION_MNIST_DIR")
    if chosen:
        if not _complete(Path(chosen)):
            raise FashionMnistError(f"LADD_FASHION_MNIST_DIR={chosen} lacks one of: {', '.join(_names())}")
        return Path(chosen)

    downloaded = cache / "FashionMNIST" / "raw"
    if _complete(downloaded):
        return downloaded
    failures = []
    for attempt in (_from_debian, lambda: _from_torchvision(cache)):
        try:
            return attempt()
        except FashionMnistError as error:
            failures.append(str(error))
    raise FashionMnistError(
        "Fashion-MNIST was not found and could not be fetched:\n"
        + "".join(f"  - {failure}\n" for failure in failures)
        + f"Install the Debian package ('apt-get install {DEBIAN_PACKAGE}' as root), or put the four files\n"
        + f"{', '.join(_names())}\ninto a folder and set LADD_FASHION_MNIST_DIR to it."
    )


def read_split(directory: Path, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images [n, 32, 32] uint8, zero-padded by two pixels on every side from 28 px, and labels [n] int64.

    `split` is `train` (n = 60,000) or `val` (the test set, n = 10,000).

    Raises:
        FashionMnistError: a file breaks the idx format or is not of the published size.
    """
    images_name, labels_name, count = _FILES[split]
    images = _read_idx(directory / images_name, _IMAGES_MAGIC, (count, SIDE, SIDE))
    labels = _read_idx(directory / labels_name, _LABELS_MAGIC, (count,))
    if labels.max() >= len(CLASS_FOLDERS):
        raise FashionMnistError(f"{directory / labels_name}: labels must be 0..9, found {labels.max()}")
    border = (PADDED_SIDE - SIDE) // 2
    return np.pad(images, ((0, 0), (border, border), (border, border))), labels.astype(np.int64)


def pack_source_set(
    directory: Path,
    destination: Path,
    *,
    train_per_class: int | None = None,
    val_per_class: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write `train/<class>/<index>.png` and `val/<class>/<index>.png` as a tar, 32 px, one channel.

    The limits keep the first images of each class; None keeps all. Equal arguments give equal bytes.
    `on_progress` gets the images packed and the images in all.
    """
    chosen = {
        split: _first_per_class(*read_split(directory, split), limit)
        for split, limit in (("train", train_per_class), ("val", val_per_class))
    }
    total = sum(len(labels) for _, labels, _ in chosen.values())
    packed = 0
    destination.parent.mkdir(parents=True, exist_ok=True)
    part = destination.with_name(destination.name + ".part")
    with tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as archive:
        for split, (images, labels, indices) in chosen.items():
            for image, label, index in zip(images, labels, indices, strict=True):
                png = io.BytesIO()
                Image.fromarray(image).save(png, "PNG", compress_level=1)
                member = tarfile.TarInfo(f"{split}/{CLASS_FOLDERS[label]}/{index:05d}.png")
                member.size = png.tell()
                png.seek(0)
                archive.addfile(member, png)
                packed += 1
                if on_progress is not None and packed % 500 == 0:
                    on_progress(packed, total)
    part.replace(destination)
    if on_progress is not None:
        on_progress(total, total)
    return destination


def _first_per_class(
    images: NDArray[np.uint8], labels: NDArray[np.int64], limit: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """The kept images and labels, and their positions in the split, class by class."""
    indices = np.concatenate([np.flatnonzero(labels == label)[:limit] for label in range(len(CLASS_FOLDERS))])
    return images[indices], labels[indices], indices


def _names() -> list[str]:
    return [name for images, labels, _ in _FILES.values() for name in (images, labels)]


def _complete(directory: Path) -> bool:
    return all((directory / name).is_file() for name in _names())


def _from_debian() -> Path:
    if shutil.which("dpkg") is None:
        raise FashionMnistError("Debian package: this is not a Debian system")
    found = _in_debian_package()
    if found is None:
        _install_debian_package()
        found = _in_debian_package()
    if found is None:
        raise FashionMnistError(f"Debian package: {DEBIAN_PACKAGE} is installed but does not hold the four files")
    return found


def _in_debian_package() -> Path | None:
    listing = subprocess.run(["dpkg", "-L", DEBIAN_PACKAGE], capture_output=True, text=True, check=False)
    folders = {Path(line).parent for line in listing.stdout.splitlines() if Path(line).name in _names()}
    return next((folder for folder in sorted(folders) if _complete(folder)), None)


def _install_debian_package() -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise FashionMnistError(f"Debian package: only root may install {DEBIAN_PACKAGE}, with apt-get")
    install = ["apt-get", "install", "-y", "--no-install-recommends", DEBIAN_PACKAGE]
    said = ""
    # A machine that never ran `apt-get update` knows no packages, so that is tried after a first refusal.
    for command in (install, ["apt-get", "update"], install):
        answer = subprocess.run(
            command,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        said = answer.stderr.strip()
        if command is install and answer.returncode == 0:
            return
    raise FashionMnistError(f"Debian package: apt-get could not install {DEBIAN_PACKAGE}: {said[-300:]}")


def _from_torchvision(cache: Path) -> Path:
    from workers.ladd.models.torchvision_import import import_torchvision

    try:
        import_torchvision()
        from torchvision.datasets import FashionMNIST  # type: ignore[import-untyped]

        FashionMNIST(str(cache), download=True)
    except (ImportError, OSError, RuntimeError) as error:
        raise FashionMnistError(f"torchvision's downloader: {error}") from error
    return cache / "FashionMNIST" / "raw"


def _read_idx(path: Path, magic: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    header = np.array([magic, *shape], dtype=">u4").tobytes()
    size = int(np.prod(shape))
    try:
        with gzip.open(path) as file:
            found = file.read(len(header))
            body = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FashionMnistError(f"{path}: not a readable gzip file: {error}") from error
    if found != header:
        raise FashionMnistError(f"{path}: the header must be {header.hex()} (magic and sizes), found {found.hex()}")
    if len(body) != size:
        raise FashionMnistError(f"{path}: {size} bytes must follow the header, found {len(body)} or more")
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)
