"""Archives of this service, damaged in each of their forms, and with manifests and arrays that lie."""

import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tests.workers.ladd.importers.hostile.case import Case, lazily
from tests.workers.ladd.importers.hostile.valid_files import LABELS, PIXELS, npy, zipped
from workers.ladd.archive.archive import read_archive, write_archive
from workers.ladd.archive.exports import EXPORTS, write_export

FORMS = ("zip", *EXPORTS)
CUTS = (1, 8, 64, 512, -1, -8, -64, -512)
FLIPS = 40
MOST_FLIPPED = 4


@cache
def forms() -> Mapping[str, bytes]:
    """Return a small archive in every form."""
    dense = np.full((4, 4, 2), 0.5, np.float32)
    manifest = {
        "views": {"n": 2, "ratio": 0.5},
        "classes": ["ant", "bee"],
        "normalization": {"name": "none", "mean": [0.5] * 3, "std": [0.5] * 3, "applied": False},
        "labeler": {"architecture": "ConvNetD3", "epoch": 1},
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "archive.zip"
        write_archive(path, PIXELS, LABELS, dense, dense[:, 0], manifest, dense[:, 0], "uint8", "png")
        archive = read_archive(path)
        for form in EXPORTS:
            write_export(archive, form, Path(folder) / f"archive.{form}")
        return {form: (Path(folder) / f"archive.{form}").read_bytes() for form in FORMS}


def _members() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(forms()["zip"])) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _flipped(form: str, seed: int) -> bytes:
    draw, data = random.Random(f"{form} {seed}"), bytearray(forms()[form])
    for _ in range(draw.randint(1, MOST_FLIPPED)):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(data)


def _told(**changed: Any) -> bytes:
    """Return the zip with other fields in its manifest."""
    members = _members()
    manifest = json.loads(members["manifest.json"]) | changed
    return zipped({**members, "manifest.json": json.dumps(manifest).encode()})


def _with(**members: bytes | None) -> bytes:
    """Return the zip with other arrays, or without (None)."""
    changed = {f"{name}.npy": data for name, data in members.items()}
    return zipped({name: data for name, data in (_members() | changed).items() if data is not None})


MANIFESTS: dict[str, bytes] = {
    "no bytes": b"",
    "no JSON": b"{",
    "a list": b"[1]",
    "deep": b"[" * 100_000,
    "of 5 MiB": b'{"a": "' + b"x" * (5 << 20) + b'"}',
    "a huge number": b'{"schema_version": ' + b"9" * 5000 + b"}",
    "not UTF-8": b'{"\xff": 1}',
}
FIELDS: dict[str, dict[str, Any]] = {
    "view grid of 10^9": {"views": {"n": 10**9, "ratio": 0.5}},
    "ratio NaN": {"views": {"n": 2, "ratio": float("nan")}},
    "25,000 classes": {"num_classes": 25_000, "classes": ["a"] * 25_000},
    "10^9 classes": {"num_classes": 10**9},
    "an encoding of none": {"encoding": "zlib"},
    "another encoding": {"encoding": "uint4"},
    "top-k": {"encoding": "topk:1"},
    "names of surrogates": {"classes": ["\ud800", "b"]},
    "a name of 10,000 characters": {"classes": ["a" * 10_000, "b"]},
    "names twice": {"classes": ["a", "a"]},
    "no arrays": {"arrays": {}},
    "arrays as text": {"arrays": "images"},
    "floats for pixels": {"arrays": {"images": {"shape": [4, 3, 8, 8], "dtype": "float32"}}, "views": {}},
    "a labeler of text": {"labeler": "ConvNetD3"},
    "a normalization of infinity": {
        "normalization": {"name": "custom", "mean": [float("inf")], "std": [1], "applied": True}
    },
    "a rate below 0": {"distilled_set": {"learned_lr": -1}},
}
ARRAYS: dict[str, Callable[[], dict[str, bytes | None]]] = {
    "dense labels of no bytes": lambda: {"dense_labels": b""},
    "dense labels of other views": lambda: {"dense_labels": npy(np.zeros((4, 9, 2), np.uint8))},
    "dense labels of other images": lambda: {"dense_labels": npy(np.zeros((5, 4, 2), np.uint8))},
    "dense labels of one axis": lambda: {"dense_labels": npy(np.zeros(32, np.uint8))},
    "dense labels of huge codes": lambda: {"dense_labels": npy(np.full((4, 4, 2), -(2**31), np.int32))},
    "dense labels of NaN": lambda: {"dense_labels": npy(np.full((4, 4, 2), np.nan, np.float32))},
    "dense labels of text": lambda: {"dense_labels": npy(np.full((4, 4, 2), "a"))},
    "dense labels of objects": lambda: {"dense_labels": npy(np.full((4, 4, 2), None))},
    "no full labels": lambda: {"full_labels": None},
    "full labels of zeros": lambda: {"full_labels": npy(np.zeros((4, 2), np.float32))},
    "full labels below 0": lambda: {"full_labels": npy(np.array([[2, -1]] * 4, np.float32))},
    "soft labels of infinity": lambda: {"soft_labels": npy(np.full((4, 2), np.inf, np.float32))},
    "labels of floats": lambda: {"labels": npy(np.zeros(4))},
    "labels out of range": lambda: {"labels": npy(np.full(4, 7))},
    "three labels": lambda: {"labels": npy(LABELS[:3])},
    "images twice": lambda: {"images": npy(np.zeros((9, 8, 8, 3), np.uint8)), "labels": npy(np.zeros(9, np.int64))},
}


def own_cases() -> Iterator[Case]:
    """Yield every form cut and flipped, and the zip with lies."""
    for form in FORMS:
        for cut in CUTS:
            make = lazily(lambda f, c: {f"archive.{f}": forms()[f][:c]}, form, cut)
            yield Case(f"own {form} cut at {cut}", "auto", make, readable=form == "webdataset" and cut < 0)
        for seed in range(FLIPS):
            make = lazily(lambda f, s: {f"archive.{f}": _flipped(f, s)}, form, seed)
            yield Case(f"own {form} flipped {seed}", "auto", make, readable=True)
    for what, data in MANIFESTS.items():
        make = lazily(lambda d: {"archive.zip": zipped({**_members(), "manifest.json": d})}, data)
        yield Case(f"own manifest {what}", "ladd", make, frozenset({"archive_manifest"}))
    for what, fields in FIELDS.items():
        make = lazily(lambda f: {"archive.zip": _told(**f)}, fields)
        yield Case(f"own manifest with {what}", "ladd", make)
    for what, arrays in ARRAYS.items():
        make = lazily(lambda a: {"archive.zip": _with(**a())}, arrays)
        yield Case(f"own archive with {what}", "ladd", make)
    for name in ("train.parquet", "archive.parquet"):
        make = lazily(lambda n: {n: b"PAR1" + bytes(100) + b"\xff\xff\xff\x7fPAR1"}, name)
        yield Case(f"own {name} of no end", "ladd", make)
