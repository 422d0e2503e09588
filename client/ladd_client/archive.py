"""An archive as numpy arrays: any of its forms but MTT's, any encoding of its dense labels, and no pickle.

Needs numpy, for images in files Pillow as well, for `.safetensors` safetensors and for `.parquet` pyarrow; torch is not
needed.
"""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ladd_client.errors import ClientError
from method.encodings import UINT4_SPAN, UINT4_STEPS, UINT8_SPAN, UINT8_STEPS, classes_kept

Arrays = dict[str, NDArray[Any]]
SCHEMA_VERSION = 1
"""Of manifests that this client reads."""


class ArchiveError(ClientError):
    """A file is no archive of the service, is damaged, or is of a form that this client does not read."""


@dataclass(frozen=True)
class Archive:
    """What an archive holds. M images of C classes with V views each.

    `images` uint8 [M, H, W, channels], or float32 [M, channels, H, W]; `labels` int64 [M]; `dense_labels` float32
    [M, V, C] and `full_labels` float32 [M, C], the labeler's of views and of whole images; `soft_labels` float32
    [M, C], which take the place of the classes where the set was distilled with some. `manifest` is described in
    `docs/storage.md`.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]
    dense_labels: NDArray[np.float32]
    full_labels: NDArray[np.float32]
    soft_labels: NDArray[np.float32] | None
    manifest: Mapping[str, Any]


def read_archive(path: str | Path) -> Archive:
    """Read an archive into memory: zip, safetensors, WebDataset's tar or parquet, which its first bytes tell apart.

    Raises `ArchiveError` for a file that is none, OSError for one that cannot be opened.
    """
    path = Path(path)
    with path.open("rb") as file:
        start = file.read(9)
    form, read = _form(path, start)
    try:
        arrays, manifest = read(path)
        version, shape = manifest["schema_version"], (len(arrays["images"]), manifest["views"]["n"] ** 2)
        if version != SCHEMA_VERSION:
            raise ArchiveError(
                f"{path}: schema_version of its manifest must be {SCHEMA_VERSION}; got {version!r}: "
                "a newer ladd-client may read it"
            )
        # Labels in the other forms are decoded.
        encoding = manifest["encoding"] if form == "zip" else "float32"
        dense_labels = decoded(encoding, arrays, manifest["num_classes"])
        if dense_labels.shape[:2] != shape or len(arrays["labels"]) != shape[0]:
            raise ValueError(f"labels of {list(dense_labels.shape)} do not fit {shape[0]} images of {shape[1]} views")
        return Archive(
            images=arrays["images"],
            labels=arrays["labels"],
            dense_labels=dense_labels,
            full_labels=arrays["full_labels"],
            soft_labels=arrays.get("soft_labels"),
            manifest=manifest,
        )
    except ModuleNotFoundError as error:
        module = str(error.name).partition(".")[0]
        raise ArchiveError(f"{path}: {form} needs {module}: pip install {_PACKAGES.get(module, module)}") from error
    except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        told = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ArchiveError(f"{path}: no archive of the LADD service, or a damaged one: {told}") from error


def decoded(encoding: str, arrays: Mapping[str, NDArray[Any]], classes: int) -> NDArray[np.float32]:
    """Return the dense labels that an archive holds in an encoding of `method.encodings`, float32 [M, V, classes].

    Raises ValueError for another encoding.
    """
    codes = arrays["dense_labels"]
    if encoding == "float32":
        return codes.astype(np.float32, copy=False)
    if encoding == "float16":
        weights = codes.astype(np.float32)
    elif encoding == "uint8":
        weights = _weights(codes, UINT8_SPAN, UINT8_STEPS)
    elif encoding == "uint4":
        halves = np.stack([codes >> 4, codes & 15], -1).reshape(*codes.shape[:2], -1)[..., :classes]
        weights = _weights(halves, UINT4_SPAN, UINT4_STEPS)
    elif classes_kept(encoding):
        # The likeliest classes, then one code for each of the rest.
        kept = _weights(codes, UINT8_SPAN, UINT8_STEPS)
        weights = np.repeat(kept[..., -1:], classes, axis=-1)
        np.put_along_axis(weights, arrays["dense_labels_classes"].astype(np.int64), kept[..., :-1], -1)
    else:
        raise ValueError(f"its encoding {encoding!r} is not known: a newer ladd-client may read it")
    labels: NDArray[np.float32] = weights / weights.sum(-1, keepdims=True)
    return labels


def _weights(codes: NDArray[Any], span: float, steps: int) -> NDArray[np.float32]:
    weights: NDArray[np.float32] = np.exp(codes * np.float32(-span / steps))
    return weights


_PACKAGES = {"PIL": "pillow"}
"""Of modules that have another name."""


def _form(path: Path, start: bytes) -> tuple[str, Callable[[Path], tuple[Arrays, dict[str, Any]]]]:
    if start.startswith(b"PK"):
        return "zip", _read_zip
    if start.startswith(b"PAR1"):
        return "parquet", _read_parquet
    if start[8:9] == b"{":
        return "safetensors", _read_safetensors
    return "webdataset", _read_tar


def _read_zip(path: Path) -> tuple[Arrays, dict[str, Any]]:
    # Of a file that it opens itself and that is no zip, numpy leaves the closing to the garbage collector.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as members:
        if "images_best.pt" in members:
            raise ArchiveError(
                f"{path}: MTT's form of the archive holds pickles, which are not read here; "
                "download another form: ladd download JOB --format zip"
            )
        arrays = {name: members[name] for name in members if isinstance(members[name], np.ndarray)}
        files = [members[name] for name in sorted(members) if name.startswith("images/")]
        manifest = json.loads(members["manifest.json"])
    return _with_images(arrays, files), manifest


def _read_safetensors(path: Path) -> tuple[Arrays, dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}, json.loads(opened.metadata()["manifest"])  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _read_tar(path: Path) -> tuple[Arrays, dict[str, Any]]:
    rows: dict[str, list[Any]] = {}
    manifest: dict[str, Any] = {}
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            opened = tar.extractfile(member)
            content = opened.read() if opened else b""
            if member.name == "__manifest__":
                manifest = json.loads(content)
            elif not member.name.startswith("__"):
                rows.setdefault(member.name.partition(".")[2], []).append(content)
    arrays = {
        name.removesuffix(".npy"): np.stack([np.load(io.BytesIO(row), allow_pickle=False) for row in found])
        for name, found in rows.items()
        if name.endswith(".npy")
    }
    arrays["labels"] = np.array([int(row) for row in rows["cls"]], dtype=np.int64)
    if "image" in arrays:
        arrays["images"] = arrays.pop("image")
    return _with_images(arrays, rows.get("png", [])), manifest


def _read_parquet(path: Path) -> tuple[Arrays, dict[str, Any]]:
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    table = pq.read_table(path)
    columns = table.to_pydict()
    manifest = json.loads(table.schema.metadata[b"ladd_manifest"])
    images, labels = columns.pop("image"), columns.pop("label")
    arrays = {name: np.array(rows, dtype=np.float32) for name, rows in columns.items()}
    arrays["labels"] = np.array(labels, dtype=np.int64)
    if isinstance(images[0], dict):
        return _with_images(arrays, [image["bytes"] for image in images]), manifest
    return arrays | {"images": np.array(images, dtype=np.float32)}, manifest


def _with_images(arrays: Arrays, files: Sequence[bytes]) -> Arrays:
    """The arrays with the images of PNG or WebP files, where there are some, as uint8 [M, H, W, channels]."""
    if not files:
        return arrays
    from PIL import Image

    images = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
    return arrays | {"images": images.reshape(*images.shape[:3], -1)}
