"""The archive in forms that other tools read, each with the same images, labels and decoded dense labels.

`mtt`: a zip of `images_best.pt`, `labels_best.pt` (as MTT saves them: normalised float32 [M, C, H, W] and int64 [M])
with `dense_labels.pt` and `full_labels.pt`; `safetensors`: one file of the arrays; `webdataset`: one tar shard;
`parquet`: a row for each image, which Hugging Face's `datasets` reads. Each has a README that trains on it, and the
manifest with the classes' names and the geometry of the views. Equal archives give equal bytes.
"""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import Tensor

from workers.ladd.archive.archive import ZIP_EPOCH, Archive
from workers.ladd.archive.image_files import write_image
from workers.ladd.archive.readme import archive_readme
from workers.ladd.engine.normalization import normalize


def write_export(archive: Archive, export_format: str, path: Path) -> None:
    """Write `archive` in one of `EXPORTS`, without loss: see each writer for how images are kept."""
    EXPORTS[export_format](archive, path)


def _soft_targets(archive: Archive) -> dict[str, NDArray[np.float32]]:
    """The labels of views and images that are distributions; `soft_labels` only where the set came with them."""
    soft = {} if archive.soft_labels is None else {"soft_labels": archive.soft_labels}
    return {"dense_labels": archive.dense_labels, "full_labels": archive.full_labels, **soft}


def _write_mtt(archive: Archive, path: Path) -> None:
    """8-bit images are normalised as the manifest says, from which rounding gives the pixels back."""
    tensors = {
        "images_best.pt": _as_floats(archive),
        "labels_best.pt": torch.from_numpy(archive.labels),
        **{f"{name}.pt": torch.from_numpy(array) for name, array in _soft_targets(archive).items()},
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, tensor in tensors.items():
            buffer = io.BytesIO()
            torch.save(tensor, buffer)
            target.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), buffer.getvalue(), zipfile.ZIP_DEFLATED)
        for name, text in (("README.md", _readme(archive, "mtt")), ("manifest.json", _manifest(archive))):
            target.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), text, zipfile.ZIP_DEFLATED)


def _as_floats(archive: Archive) -> Tensor:
    images = torch.from_numpy(archive.images)
    if images.dtype != torch.uint8:
        return images
    normalization = archive.manifest["normalization"]
    if normalization["mean"] is None:
        return images.permute(0, 3, 1, 2).contiguous().float() / 255
    return normalize(images, normalization["mean"], normalization["std"])


def _write_safetensors(archive: Archive, path: Path) -> None:
    """Images as in the archive: uint8 [M, H, W, C] or float32 [M, C, H, W]; manifest and README are in the metadata."""
    arrays = {"images": archive.images, "labels": archive.labels, **_soft_targets(archive)}
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    save_file(arrays, path, metadata={"manifest": _manifest(archive), "readme": _readme(archive, "safetensors")})
    _sort_metadata(path)


def _sort_metadata(path: Path) -> None:
    """Order the metadata of a safetensors file, which its library writes in another order each time."""
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        file.seek(8)
        # The same entries in the same notation, so of the same length.
        file.write(json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode().ljust(size))


def _write_webdataset(archive: Archive, path: Path) -> None:
    """A sample is `000000.png` (floats: `000000.image.npy`), `000000.cls`, `000000.dense_labels.npy` [V, C] and
    `000000.full_labels.npy` [C].

    `__manifest__` and what is in `__readme__` have names that WebDataset passes over.
    """
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        _add(tar, "__manifest__", _manifest(archive).encode())
        _add(tar, "__readme__/README.md", _readme(archive, "webdataset").encode())
        for index, (image, label) in enumerate(zip(archive.images, archive.labels, strict=True)):
            if image.dtype == np.uint8:
                _add(tar, f"{index:06d}.png", write_image(image, "png"))
            else:
                _add(tar, f"{index:06d}.image.npy", _npy(image))
            _add(tar, f"{index:06d}.cls", str(label).encode())
            for name, array in _soft_targets(archive).items():
                _add(tar, f"{index:06d}.{name}.npy", _npy(array[index]))


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _npy(array: NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _write_parquet(archive: Archive, path: Path) -> None:
    """Columns `image` (PNG files, or lists [C, H, W] of floats), `label`, `dense_labels` [V, C], `full_labels` [C].

    The schema carries the features that `datasets` gives the columns, manifest and README under `ladd_manifest` and
    `ladd_readme`.
    """
    eight_bit = archive.images.dtype == np.uint8
    if eight_bit:
        files = [{"bytes": write_image(image, "png"), "path": None} for image in archive.images]
        images = pa.array(files, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    else:
        images = _lists(archive.images)
    columns = {
        "image": images,
        "label": pa.array(archive.labels),
        **{name: _lists(array) for name, array in _soft_targets(archive).items()},
    }
    features = {
        "image": {"_type": "Image"} if eight_bit else _list_feature(archive.images.shape[1:]),
        "label": {"names": archive.manifest["classes"], "_type": "ClassLabel"},
        **{name: _list_feature(array.shape[1:]) for name, array in _soft_targets(archive).items()},
    }
    table = pa.table(columns).replace_schema_metadata(
        {
            "huggingface": json.dumps({"info": {"features": features}}),
            "ladd_manifest": _manifest(archive),
            "ladd_readme": _readme(archive, "parquet"),
        }
    )
    pq.write_table(table, path)


def _lists(array: NDArray[np.generic]) -> pa.Array:
    """An array of any number of axes as nested lists of fixed sizes."""
    nested = pa.array(np.ascontiguousarray(array).reshape(-1))
    for size in reversed(array.shape[1:]):
        nested = pa.FixedSizeListArray.from_arrays(nested, size)
    return nested


def _list_feature(shape: tuple[int, ...]) -> dict[str, object]:
    feature: dict[str, object] = {"dtype": "float32", "_type": "Value"}
    for size in reversed(shape):
        feature = {"feature": feature, "length": size, "_type": "Sequence"}
    return feature


def _manifest(archive: Archive) -> str:
    return json.dumps(archive.manifest, sort_keys=True)


def _readme(archive: Archive, form: str) -> str:
    return archive_readme(form, archive.manifest, soft=archive.soft_labels is not None)


EXPORTS: dict[str, Callable[[Archive, Path], None]] = {
    "mtt": _write_mtt,
    "safetensors": _write_safetensors,
    "webdataset": _write_webdataset,
    "parquet": _write_parquet,
}
