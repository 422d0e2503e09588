"""The arrays and the manifest in each form of an archive of this service, read as a stranger's.

A form is told by its bytes: the zip by its `manifest.json`, of which `mtt` is one with tensors, safetensors by its
metadata, the shard for WebDataset by `__manifest__`, Parquet by its magic.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from workers.ladd.importers.image_files import SUFFIXES, decode
from workers.ladd.importers.own_manifest import OwnManifest, parse_manifest
from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.container import container_of
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.safe_archive import ArchiveFile, iter_files
from workers.ladd.importers.reading.safe_numpy import parse_npy, read_npy
from workers.ladd.importers.reading.safe_torch import as_array, is_array, read_torch
from workers.ladd.importers.reading.safetensors_errors import safetensors_errors
from workers.ladd.importers.reading.uploaded_file import UploadedFile

Array = NDArray[np.generic]
ARRAYS = ("images", "labels", "dense_labels", "dense_labels_classes", "full_labels", "soft_labels")
_ZIP_MANIFEST, _SHARD_MANIFEST = "manifest.json", "__manifest__"
_TENSORS = {"images_best": "images", "labels_best": "labels"}
"""The names of MTT for arrays of ours."""
_FIRST = 4
"""Members of a shard of which one is the manifest."""


@dataclass
class Contents:
    """The contents of a form: the manifest, and arrays by their names in the archive.

    `encoded`: dense labels are in the manifest's encoding, as in the zip alone; the other forms decode them.
    """

    manifest: OwnManifest
    arrays: dict[str, Array] = field(default_factory=dict)
    encoded: bool = False


def form_of(file: UploadedFile) -> str | None:
    """Return the form of an archive of this service by its name in the API (the zip: `zip`); None of other files."""
    if file.kind == "parquet":
        return "parquet"
    if file.kind == "safetensors":
        with safetensors_errors(file.path.name), safe_open(file.path, framework="numpy") as opened:
            return "safetensors" if "manifest" in (opened.metadata() or {}) else None
    if file.kind != "archive":
        return None
    names = _first_names(file.path)
    if _SHARD_MANIFEST in names:
        return "webdataset"
    if _ZIP_MANIFEST not in names:
        return None
    return "zip" if "dense_labels.npy" in names else "mtt" if "dense_labels.pt" in names else None


def _first_names(path: Path) -> set[str]:
    """Return the names in a zip, or those of the first members of a tar up to an image, which nothing is read for."""
    if container_of(path) == "zip":
        return {entry.name for entry in iter_files(path)}
    names: set[str] = set()
    for entry in islice(iter_files(path), _FIRST):
        names.add(entry.name)
        if entry.name == _SHARD_MANIFEST or entry.name.lower().endswith(SUFFIXES):
            break
    return names


def read_contents(file: UploadedFile, form: str, scratch: Path) -> Contents:
    """Read a form; raises ImportRejected with rule `archive_manifest` or one of the readers'."""
    return _READERS[form](file.path, scratch)


def _read_zip(path: Path, scratch: Path) -> Contents:
    arrays: dict[str, Array] = {}
    pictures: dict[str, Array] = {}
    text = b""
    for number, entry in enumerate(iter_files(path)):
        stem, _, suffix = entry.name.rpartition(".")
        if entry.name == _ZIP_MANIFEST:
            text = entry.read()
        elif suffix in ("npy", "pt") and (name := _TENSORS.get(stem, stem)) in ARRAYS:
            arrays[name] = _array(entry, scratch / f"own-{number}-{name}.{suffix}", path)
        elif entry.name.startswith("images/") and entry.name.endswith(SUFFIXES):
            pictures[entry.name], _ = decode(entry.read(), f"{path.name}/{entry.name}")
    manifest = parse_manifest(f"{path.name}/{_ZIP_MANIFEST}", text)
    if pictures:
        arrays["images"] = _stacked(path, manifest, [pictures[name] for name in sorted(pictures)])
    return Contents(manifest, arrays, encoded=True)


def _array(entry: ArchiveFile, target: Path, path: Path) -> Array:
    entry.save(target)
    if target.suffix == ".npy":
        return read_npy(target)
    content = read_torch(target)
    if not is_array(content):
        raise rejected(f"{path.name}/{entry.name}", "tensor_roles", type(content).__name__, "expected one tensor")
    return as_array(content, f"{path.name}/{entry.name}")


def _stacked(path: Path, manifest: OwnManifest, images: list[Array]) -> Array:
    """Return decoded pictures as one array, of one channel where the set has one."""
    shapes = {image.shape for image in images}
    if len(shapes) != 1:
        raise rejected(path.name, "one_image_size", sorted(shapes)[:2], "the images of an archive have one size")
    stacked = np.stack(images)
    return stacked[..., :1] if manifest.arrays["images"].shape[-1:] == [1] else stacked


def _read_mtt(path: Path, scratch: Path) -> Contents:
    contents = _read_zip(path, scratch)
    contents.encoded = False
    return contents


def _read_safetensors(path: Path, scratch: Path) -> Contents:
    with safetensors_errors(path.name), safe_open(path, framework="numpy") as file:
        text, names = file.metadata()["manifest"], list(file.keys())
    manifest = parse_manifest(f"{path.name}/manifest", text)
    arrays: dict[str, Array] = {}
    for name in ARRAYS:
        if name in names:
            with safetensors_errors(f"{path.name}/{name}"), safe_open(path, framework="numpy") as file:
                arrays[name] = file.get_tensor(name)
    return Contents(manifest, arrays)


def _read_shard(path: Path, scratch: Path) -> Contents:
    text = b""
    columns: dict[str, dict[str, Array]] = defaultdict(dict)
    for entry in iter_files(path):
        key, _, kind = entry.name.partition(".")
        location = f"{path.name}/{entry.name}"
        if entry.name == _SHARD_MANIFEST:
            text = entry.read()
        elif kind == "png":
            columns["images"][key] = decode(entry.read(), location)[0]
        elif kind == "cls":
            columns["labels"][key] = np.array(_label(entry.read(), location))
        elif kind.endswith(".npy") and (name := _shard_name(kind)) in ARRAYS:
            columns[name][key] = parse_npy(location, entry.read())
    manifest = parse_manifest(f"{path.name}/{_SHARD_MANIFEST}", text)
    keys = sorted(columns["labels"])
    arrays: dict[str, Array] = {}
    for name, column in columns.items():
        if sorted(column) != keys or len({row.shape for row in column.values()}) > 1:
            raise rejected(path.name, "parts_match", name, f"every sample needs its {name}, all of one shape")
        rows = [column[key] for key in keys]
        whole = name == "images" and rows and rows[0].dtype == np.uint8
        arrays[name] = _stacked(path, manifest, rows) if whole else np.stack(rows) if rows else np.zeros(0)
    return Contents(manifest, arrays)


def _shard_name(kind: str) -> str:
    name = kind.removesuffix(".npy")
    return "images" if name == "image" else name


def _label(data: bytes, location: str) -> int:
    text = data[:20].decode("ascii", errors="replace").strip()
    if not text.isdecimal() or len(text) > 9:
        raise rejected(location, "integer_labels", text, "a class is a whole number")
    return int(text)


def _read_parquet(path: Path, scratch: Path) -> Contents:
    # Takes a second to import, which no other upload has a use for.
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    try:
        with pq.ParquetFile(path) as file:
            text = (file.schema_arrow.metadata or {}).get(b"ladd_manifest")
            if text is None:
                message = "only Parquet files of this service are read; send image files in class folders, or an .npz"
                raise rejected(path.name, "archive_manifest", ", ".join(file.schema_arrow.names), message)
            manifest = parse_manifest(f"{path.name}/ladd_manifest", text)
            _check_size(path, sum(file.metadata.row_group(n).total_byte_size for n in range(file.num_row_groups)))
            table = file.read(use_threads=False)
            arrays = {_PARQUET.get(name, name): table.column(name) for name in table.column_names}
            return Contents(manifest, dict(_columns(path, manifest, arrays)))
    except (pa.ArrowException, OSError, KeyError, AttributeError, TypeError) as error:
        raise rejected(path.name, "readable_tensor_file", error, f"the Parquet file cannot be read: {error}") from error


_PARQUET = {"image": "images", "label": "labels"}


def _check_size(path: Path, size: int) -> None:
    if not 0 <= size <= limits.STORED_BYTES:
        raise rejected(path.name, "stored_size", size, f"a set may have {limits.STORED_BYTES} bytes")


def _columns(path: Path, manifest: OwnManifest, columns: Mapping[str, Any]) -> Iterator[tuple[str, Array]]:
    for name, column in columns.items():
        if name not in ARRAYS:
            continue
        whole = column.combine_chunks()
        if name == "images" and manifest.eight_bit:
            files = whole.field("bytes").to_pylist()
            images = [decode(data or b"", f"{path.name}/image {row}")[0] for row, data in enumerate(files)]
            yield name, _stacked(path, manifest, list(images))
            continue
        shape = [len(whole)]
        while hasattr(whole.type, "list_size"):
            shape.append(whole.type.list_size)
            whole = whole.flatten()
        if len(whole) != np.prod(shape) or whole.null_count:
            raise rejected(path.name, "parts_match", name, f"column {name} has rows of other lengths, or none")
        yield name, whole.to_numpy(zero_copy_only=False).reshape(shape)


_READERS: dict[str, Callable[[Path, Path], Contents]] = {
    "zip": _read_zip,
    "mtt": _read_mtt,
    "safetensors": _read_safetensors,
    "webdataset": _read_shard,
    "parquet": _read_parquet,
}
