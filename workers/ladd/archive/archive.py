"""The label-augmented archive: one plain zip that `numpy.load` opens, equal bytes for equal inputs, no pickle.

Members: `README.md`, `dense_labels.npy` (float32 [M, V, C], or what `labels.encodings` writes), `full_labels.npy`
float32 [M, C] (of the whole images), `images.npy` (uint8 [M, H, W, C], or float32 [M, C, H, W] exactly as uploaded) or
`images/000000.png`, ... (one file for each 8-bit image), `labels.npy` int64 [M], `manifest.json`; `soft_labels.npy`
float32 [M, C] where the set came with soft labels.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from workers.ladd.archive.image_files import IMAGE_FILES, read_image_files, write_image
from workers.ladd.archive.readme import archive_readme, geometry
from workers.ladd.labels.encodings import encoding_of
from workers.ladd.labels.views import ViewGrid

SCHEMA_VERSION = 1
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_REGULAR_FILE = 0o100644 << 16
_CHUNK_BYTES = 8 * 1024 * 1024
_NPY_HEADER_BYTES = 4096


@dataclass(frozen=True)
class Archive:
    """Contents of an archive; the dense labels are decoded, float32 [M, V, C]."""

    images: NDArray[np.generic]
    labels: NDArray[np.int64]
    dense_labels: NDArray[np.float32]
    full_labels: NDArray[np.float32]
    manifest: dict[str, Any]
    soft_labels: NDArray[np.float32] | None = None


def write_archive(
    path: Path,
    images: NDArray[np.generic],
    labels: NDArray[np.int64],
    dense_labels: NDArray[np.float32],
    full_labels: NDArray[np.float32],
    manifest: Mapping[str, Any],
    soft_labels: NDArray[np.float32] | None = None,
    encoding: str = "float32",
    image_format: str = "npy",
) -> dict[str, Any]:
    """Write an archive; returns its {"sha256", "bytes"}.

    `dense_labels` float32 [M, V, C] are written in the encoding of this name. `image_format` is `npy`, or for 8-bit
    images `png` or lossless `webp`. `manifest` must hold `views` {"n", "ratio"} and `normalization` {"name", "mean",
    "std", "applied"}, the one to train with, and in it `test` {"mean", "std"} where real images have another;
    `schema_version`, `encoding`, `image_format`, `num_classes`, `geometry` (the views' side and offsets in pixels) and
    `arrays` (shape, dtype and SHA-256 of each array's values) are added.
    Raises ValueError if the arrays do not fit each other, the views, the encoding or the format.
    """
    grid = ViewGrid(manifest["views"]["n"], manifest["views"]["ratio"])
    _check_arrays(images, labels, dense_labels, full_labels, grid)
    if image_format not in ("npy", *IMAGE_FILES):
        raise ValueError(f"image_format must be npy, {' or '.join(IMAGE_FILES)}; got {image_format!r}")
    codec, classes = encoding_of(encoding), dense_labels.shape[2]
    arrays: dict[str, NDArray[np.generic]] = {
        "images": images,
        "labels": labels,
        "full_labels": full_labels,
        **codec.encode(dense_labels),
    }
    if soft_labels is not None:
        arrays["soft_labels"] = soft_labels
    whole_manifest = {
        **manifest,
        "schema_version": SCHEMA_VERSION,
        "encoding": encoding,
        "image_format": image_format,
        "num_classes": classes,
        "arrays": {name: _describe(array) for name, array in arrays.items()},
        "geometry": geometry(grid, int(images.shape[2])),
    }
    decode = codec.readme.format(classes=classes)
    texts = {
        "README.md": archive_readme("zip", whole_manifest, soft=soft_labels is not None, decode=decode),
        "manifest.json": json.dumps(whole_manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        members = {f"{name}.npy": array for name, array in arrays.items()}
        if image_format in IMAGE_FILES:
            del members["images.npy"]
            members |= {f"images/{index:06d}.{image_format}": image for index, image in enumerate(images)}
        for name in sorted([*texts, *members]):
            info = zipfile.ZipInfo(name, date_time=ZIP_EPOCH)
            info.create_system, info.external_attr = _UNIX, _REGULAR_FILE
            # PNG and WebP are compressed already.
            info.compress_type = zipfile.ZIP_STORED if name.startswith("images/") else zipfile.ZIP_DEFLATED
            if name in texts:
                archive.writestr(info, texts[name])
            elif name.startswith("images/"):
                archive.writestr(info, write_image(members[name], image_format))
            else:
                # Rounded up: decides whether the member needs the large form of header.
                info.file_size = members[name].nbytes + _NPY_HEADER_BYTES
                with archive.open(info, "w") as file:
                    npy_format.write_array(file, members[name], version=(1, 0), allow_pickle=False)
    with path.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    return {"sha256": digest, "bytes": path.stat().st_size}


def read_archive(path: Path) -> Archive:
    """Read an archive into memory; raises ValueError if an array is not the one the manifest describes."""
    with np.load(path, allow_pickle=False) as members:
        manifest = json.loads(members["manifest.json"])
        arrays = {name: members[name] for name in manifest["arrays"] if name in members}
        if manifest["image_format"] in IMAGE_FILES:
            names = sorted(name for name in members if name.startswith("images/"))
            arrays["images"] = read_image_files([members[name] for name in names])
    for name, description in manifest["arrays"].items():
        if _describe(arrays[name]) != description:
            raise ValueError(f"{path.name}: {name} differs from its description in manifest.json")
    dense_labels = encoding_of(manifest["encoding"]).decode(arrays, manifest["num_classes"])
    soft_labels = arrays.get("soft_labels")
    return Archive(arrays["images"], arrays["labels"], dense_labels, arrays["full_labels"], manifest, soft_labels)


def _check_arrays(
    images: NDArray[np.generic],
    labels: NDArray[np.int64],
    dense_labels: NDArray[np.float32],
    full_labels: NDArray[np.float32],
    grid: ViewGrid,
) -> None:
    if images.ndim != 4 or images.dtype not in (np.uint8, np.float32):
        raise ValueError(f"images must be 4-D uint8 or float32, got {images.dtype} {images.shape}")
    if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
        raise ValueError(f"labels must be int64 [{len(images)}], got {labels.dtype} {labels.shape}")
    expected = (len(images), grid.count)
    if dense_labels.dtype != np.float32 or dense_labels.ndim != 3 or dense_labels.shape[:2] != expected:
        raise ValueError(
            f"dense_labels must be float32 [{expected[0]}, {expected[1]}, classes], "
            f"got {dense_labels.dtype} {dense_labels.shape}"
        )
    if full_labels.dtype != np.float32 or full_labels.shape != (len(images), dense_labels.shape[2]):
        raise ValueError(
            f"full_labels must be float32 [{len(images)}, {dense_labels.shape[2]}], "
            f"got {full_labels.dtype} {full_labels.shape}"
        )


def _describe(array: NDArray[np.generic]) -> dict[str, Any]:
    digest = hashlib.sha256()
    rows = max(1, _CHUNK_BYTES // max(1, array.nbytes // max(1, len(array))))
    for start in range(0, len(array), rows):
        digest.update(np.ascontiguousarray(array[start : start + rows]).data)
    return {"shape": list(array.shape), "dtype": str(array.dtype), "sha256": digest.hexdigest()}
