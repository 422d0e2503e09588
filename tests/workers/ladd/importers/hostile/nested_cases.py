"""Archives of tensor files, arrays and archives: bombs in layers, names, members that are not what they are called."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from tests.workers.ladd.importers.hostile.array_cases import NPY
from tests.workers.ladd.importers.hostile.case import Case, lazily
from tests.workers.ladd.importers.hostile.tensor_cases import CALLS
from tests.workers.ladd.importers.hostile.valid_files import (
    FLOATS,
    HARD,
    LABELS,
    PIXELS,
    bare_pickle,
    image,
    npy,
    npz,
    saved,
    tarred,
    zipped,
)

MiB = 1024**2


def _deep(levels: int) -> bytes:
    data = zipped({"images.npy": npy(PIXELS), "labels.npy": npy(LABELS)})
    for level in range(levels):
        data = zipped({f"{level}.zip": data})
    return data


def _gzipped(size: int) -> bytes:
    return gzip.compress(tarred({"images.npy": bytes(size)}), 1)


def _linked() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("images.npy")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    return buffer.getvalue()


MEMBERS: dict[str, Callable[[], Mapping[str, bytes]]] = {
    "no bytes": lambda: {"images.npy": b"", "labels.npy": npy(LABELS)},
    "images alone": lambda: {"run/images_best.pt": saved(FLOATS)},
    "labels alone": lambda: {"run/labels.npy": npy(LABELS)},
    "three": lambda: {f"run/{n}.pt": saved(FLOATS) for n in "abc"},
    "two of one name": lambda: {"a/images.pt": saved(FLOATS), "b/images.pt": saved(FLOATS)},
    "two sets": lambda: {f"{n}.npz": npz(images=PIXELS, labels=LABELS) for n in "ab"},
    "a set and tensors": lambda: {"a.npz": npz(images=PIXELS, labels=LABELS), "labels.pt": saved(HARD)},
    "text called .pt": lambda: {"images.pt": b"no tensor", "labels.pt": saved(HARD)},
    "an image called .pt": lambda: {"images.pt": image(), "labels.pt": saved(HARD)},
    "batches of CIFAR": lambda: {"data_batch_1": bare_pickle({"data": [1]}), "test_batch": bare_pickle({})},
    "code in a pickle": lambda: {"images.pt": saved(CALLS["exec"]()), "labels.pt": saved(HARD)},
    "code in a pickle, in two archives": lambda: {"a.zip": zipped({"images.pt": saved(CALLS["open"]())})},
    "a zip bomb": lambda: {"a.zip": zipped({"images.npy": bytes(100 * MiB)}, zipfile.ZIP_DEFLATED)},
    "a gzip bomb": lambda: {"a.tar.gz": _gzipped(100 * MiB)},
    "links": lambda: {"a.tar": _linked()},
    "archives, 3 deep": lambda: {"a.zip": _deep(3)},
    "archives, 200 deep": lambda: {"a.zip": _deep(200)},
    "2,000 arrays": lambda: {f"{n}/labels.npy": npy(LABELS) for n in range(2000)} | {"README": b"x"},
    "a name of 1,000 characters": lambda: {"n" * 1000 + ".npy": npy(LABELS), "x.txt": b""},
    "a name of surrogates": lambda: {"\udcff.npy".encode(errors="replace").decode(): npy(LABELS), "x.txt": b""},
    "objects": lambda: {"images.npy": npy(np.array([None])), "labels.npy": npy(LABELS)},
}


LISTS: dict[str, bytes] = {
    "no bytes": b"",
    "20 MiB": b"1.png a\n" * (20 * MiB // 8),
    "no text": bytes(range(256)) * 10,
    "other images": b"2.png a\n",
    "a class of surrogates": b"1.png \xed\xa0\x80\n",
    "paths": b"1.png ../../a\n",
    "one line of 1 MiB": b"1.png " + b"a" * MiB,
}


def nested_cases() -> Iterator[Case]:
    """Yield archives of what is no set, as zip and as tar, and arrays without an archive."""
    for what, members in MEMBERS.items():
        for name, pack in (("run.zip", _noted), ("run.tar", tarred)):
            yield Case(f"{name} of {what}", "auto", lazily(lambda n, p, m: {n: p(m())}, name, pack, members))
    for what, data in LISTS.items():
        listed = {f"train/{c}/1.png": image() for c in "ab"} | {"val/1.png": image(), "val/val_annotations.txt": data}
        make = lazily(lambda m: {"set.tar": tarred(m)}, listed)
        yield Case(f"list of {what}", "class_folders", make, options={"role": "source"})
    for what, data in NPY.items():
        make = lazily(lambda d: {"images.npy": d, "labels.npy": npy(LABELS)}, data)
        yield Case(f"bare .npy {what}", "auto", make, readable="fortran" in what)
        make = lazily(lambda d: {"images.npy": npy(PIXELS), "labels.npy": d}, data)
        yield Case(f"bare .npy labels {what}", "auto", make)


def _noted(members: Mapping[str, bytes]) -> bytes:
    """Return a zip with a note beside, without which one of arrays would be an `.npz`."""
    return zipped({**members, "notes.txt": b"x"})
