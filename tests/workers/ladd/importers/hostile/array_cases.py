"""`.npz`, `.npy` and safetensors files whose headers do not fit what follows."""

import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from safetensors.numpy import save as save_safetensors

from tests.workers.ladd.importers.hostile.case import Case, lazily
from tests.workers.ladd.importers.hostile.valid_files import LABELS, PIXELS, exported, npy, npz, zipped

MiB = 1024**2


def header(text: bytes, version: tuple[int, int] = (1, 0), claimed: int | None = None, data: bytes = b"") -> bytes:
    """Return an `.npy` with this header text."""
    width = 2 if version == (1, 0) else 4
    length = len(text) if claimed is None else claimed
    return b"\x93NUMPY" + bytes(version) + length.to_bytes(width, "little") + text + data


def described(
    descr: object = "|u1", shape: object = (4, 8, 8, 3), order: object = False, data: bytes = bytes(768)
) -> bytes:
    """Return an `.npy` whose header claims this."""
    return header(f"{{'descr': {descr!r}, 'fortran_order': {order!r}, 'shape': {shape!r}, }}\n".encode(), data=data)


NPY: dict[str, bytes] = {
    "no bytes": b"",
    "magic only": b"\x93NUMPY",
    "version 9.9": header(b"{}", (9, 9)),
    "version 3.0": header(b"{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}\n", (3, 0), data=b"1"),
    "header of 65,535 bytes, absent": header(b"", claimed=65535),
    "header of 2^32-1 bytes, absent": header(b"", (2, 0), claimed=2**32 - 1),
    "header of 1 MB": header(b"{'descr': '|u1'" + b" " * MiB + b"}", (2, 0)),
    "header of brackets": header(b"(" * 30_000),
    "header that calls": header(b"__import__('os').system('touch ran')\n"),
    "header of a huge number": header(b"{'descr': '|u1', 'fortran_order': False, 'shape': (" + b"9" * 5000 + b",)}\n"),
    "header not ASCII": header(b"\xff\xfe\x00"),
    "keys missing": header(b"{'descr': '|u1'}\n"),
    "keys too many": header(b"{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'x': 1}\n", data=b"1"),
    "shape larger than the data": described(shape=(10**6, 8, 8, 3)),
    "shape smaller than the data": described(shape=(3, 8, 8, 3)),
    "shape negative": described(shape=(-4, 8, 8, -3)),
    "shape that overflows": described(shape=(2**62, 2**62, 4, 3)),
    "shape 2^64": described(shape=(2**64, 1, 1, 1)),
    "shape of floats": described(shape=(4.0, 8, 8, 3)),
    "shape of booleans": described(shape=(True,), data=b"1"),
    "shape of 65 axes": described(shape=(1,) * 65, data=b"1"),
    "shape no tuple": described(shape=[4, 8, 8, 3]),
    "shape with no entries, 2^60 wide": described(shape=(0, 2**60, 8, 3), data=b""),
    "shape of nothing": described(shape=(), data=b"1"),
    "order a number": described(order=7),
    "order fortran": described(order=True),
    "dtype object": described("|O", (96,)),
    "dtype of 0 bytes": described("|V0", (768,)),
    "dtype void": described("|V768", (1,)),
    "dtype text of 2^30": described("<U1073741824", (1,), data=b""),
    "dtype bytes": described("|S768", (1,)),
    "dtype fields": described([("a", "|u1"), ("b", "|u1")], (384,)),
    "dtype fields with objects": described([("a", "|O")], (96,)),
    "dtype of arrays": described([("a", "|u1", (10**9,))], (1,)),
    "dtype big-endian": described(">f4", (1, 3, 8, 8)),
    "dtype complex": described("<c8", (96,)),
    "dtype date": described("<M8[s]", (96,)),
    "dtype long double": described("<f16", (48,)),
    "dtype code": described("os.system", (1,)),
    "dtype empty": described("", (1,)),
    "dtype a number": described(7, (1,)),
}


def _codepoints(*points: int) -> np.ndarray:
    return np.array(points, np.uint32).view("U1")


SETS: dict[str, tuple[Callable[[], dict[str, Any]], set[str]]] = {
    "no arrays": (dict, set()),
    "images only": (lambda: {"images": PIXELS}, {"array_names"}),
    "two of images": (lambda: {"images": PIXELS, "x": PIXELS, "labels": LABELS}, {"array_names"}),
    "object labels": (lambda: {"images": PIXELS, "labels": np.array([1, "a", None, 2], object)}, {"no_object_arrays"}),
    "text labels": (lambda: {"images": PIXELS, "labels": np.array(list("aabb"))}, {"integer_labels"}),
    "booleans as labels": (lambda: {"images": PIXELS, "labels": LABELS.astype(bool)}, {"integer_labels"}),
    "text images": (lambda: {"images": np.full((4, 8, 8, 3), "a"), "labels": LABELS}, {"image_dtype"}),
    "images of 0 pixels": (lambda: {"images": PIXELS[:, :0], "labels": LABELS}, {"not_empty"}),
    "no images": (lambda: {"images": PIXELS[:0], "labels": LABELS[:0]}, {"not_empty"}),
    "class names past Unicode": (
        lambda: {"images": PIXELS, "labels": LABELS, "class_names": _codepoints(2**31, 97)},
        {"class_names_text"},
    ),
    "class names of surrogates": (
        lambda: {"images": PIXELS, "labels": LABELS, "class_names": _codepoints(0xD800, 97)},
        {"class_names_text"},
    ),
    "class names twice": (
        lambda: {"images": PIXELS, "labels": LABELS, "class_names": np.array(["a", "a"])},
        {"class_names_unique"},
    ),
    "class names too few": (lambda: {"images": PIXELS, "labels": LABELS, "class_names": np.array(["a"])}, set()),
    "no class names": (lambda: {"images": PIXELS, "labels": LABELS, "class_names": np.array([], "U1")}, set()),
    "learned rate NaN": (lambda: {"images": PIXELS, "labels": LABELS, "lr": np.float32("nan")}, {"learned_lr_range"}),
    "learned rate of two": (lambda: {"images": PIXELS, "labels": LABELS, "lr": np.ones(2)}, {"array_names"}),
    "learned rate text": (lambda: {"images": PIXELS, "labels": LABELS, "lr": np.array("a")}, {"array_names"}),
    "fortran order": (lambda: {"images": np.asfortranarray(PIXELS), "labels": LABELS}, set()),
    "big-endian labels": (lambda: {"images": PIXELS, "labels": LABELS.astype(">i8")}, set()),
    "a key of 250 characters": (lambda: {"images": PIXELS, "labels": LABELS, "k" * 250: LABELS}, set()),
}


def _safetensors(head: object, data: bytes = bytes(16), length: int | None = None) -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def _entry(dtype: str = "F32", shape: object = (4,), offsets: object = (0, 16)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


SAFETENSORS: dict[str, bytes] = {
    "length 2^64-1": _safetensors({"a": _entry()}, length=2**64 - 1),
    "length 0": _safetensors(b"", b"{"),
    "length too long": _safetensors({"a": _entry()}, length=5000),
    "length too short": _safetensors({"a": _entry()}, length=5),
    "offsets beyond the end": _safetensors({"a": _entry(offsets=(0, 1600), shape=(400,))}),
    "offsets overlap": _safetensors({"a": _entry(), "b": _entry()}),
    "offsets with a gap": _safetensors(
        {"a": _entry(shape=(1,), offsets=(0, 4)), "b": _entry(shape=(1,), offsets=(12, 16))}
    ),
    "offsets backwards": _safetensors({"a": _entry(offsets=(16, 0))}),
    "offsets negative": _safetensors({"a": _entry(offsets=(-16, 0))}),
    "offsets 2^64": _safetensors({"a": _entry(offsets=(0, 2**64))}),
    "offsets that wrap around": _safetensors({"a": _entry(offsets=(2**64 - 16, 2**64 - 1))}),
    "shape does not fit": _safetensors({"a": _entry(shape=(5,))}),
    "shape that overflows": _safetensors({"a": _entry(shape=(2**33, 2**33))}),
    "shape negative": _safetensors({"a": _entry(shape=(-4,))}),
    "shape of 10,000 axes": _safetensors({"a": _entry(shape=(1,) * 10_000)}),
    "dtype unknown": _safetensors({"a": _entry("F128")}),
    "dtype F8": _safetensors({"images": _entry("F8_E5M2", (16,)), "labels": _entry(offsets=(16, 16), shape=(0,))}),
    "dtype BF16": _safetensors({"images": _entry("BF16", (8,)), "labels": _entry(offsets=(16, 16), shape=(0,))}),
    "keys twice": _safetensors(
        b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    ),
    "nested deeply": _safetensors(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "1 MB of spaces": _safetensors(b"{" + b" " * MiB + b"}"),
    "not JSON": _safetensors(b"{]"),
    "not UTF-8": _safetensors(b'{"\xff": 1}'),
    "a surrogate as key": _safetensors(b'{"\\ud800":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'),
    "a null byte as key": _safetensors({"\0": _entry()}),
    "no tensors": _safetensors({}, b""),
    "metadata of numbers": _safetensors({"__metadata__": {"a": 1}, "a": _entry()}),
    "bytes behind": save_safetensors({"images": PIXELS, "labels": LABELS}) + b"more",
    "50,000 tensors": _safetensors({f"{n}": _entry(shape=(0,), offsets=(0, 0)) for n in range(50_000)}, b""),
    "one is missing": save_safetensors({"images": PIXELS}),
    "a key of 10,000 characters": save_safetensors({"k" * 10_000: PIXELS}),
}


def _zeros_npz() -> bytes:
    """Return 100 MiB of zeros, deflated."""
    return zipped(
        {"images.npy": described(shape=(100 * MiB // 192, 8, 8, 3), data=bytes(100 * MiB))}, zipfile.ZIP_DEFLATED
    )


def array_cases() -> Iterator[Case]:
    """Yield headers that lie, to each reader of arrays."""
    for what, data in NPY.items():
        for key in ("images", "labels"):
            good = {"images.npy": npy(PIXELS), "labels.npy": npy(LABELS)}
            make = lazily(lambda g, k, d: {"set.npz": zipped({**g, f"{k}.npy": d})}, good, key, data)
            yield Case(f"npz {key} {what}", "npz", make, readable=key == "images" and "fortran" in what)
        encoder = lazily(lambda d: {"encoder.pt2": exported(6), "classes.npy": d}, data)
        yield Case(f"embeddings {what}", "labeler:zero_shot", encoder)
    for what, (arrays, rules) in SETS.items():
        make = lazily(lambda a: {"set.npz": npz(**a())}, arrays)
        yield Case(f"npz of {what}", "npz", make, frozenset(rules), not rules)
    program = lazily(lambda: {"set.npz": zipped({"images.npy": npy(PIXELS), "labels.npy": npy(LABELS), "x.py": b"x"})})
    yield Case("npz with a program", "npz", program, frozenset({"one_file"}))
    yield Case("npz bomb", "npz", lazily(lambda: {"set.npz": _zeros_npz()}), frozenset({"compression_ratio"}))
    many = lazily(lambda: {"set.npz": zipped({f"{n}.npy": npy(LABELS[:1]) for n in range(3000)})})
    yield Case("npz of 3,000 arrays", "npz", many, frozenset({"array_count"}))
    for what, data in SAFETENSORS.items():
        readers = (("safetensors", "set.safetensors"), ("labeler:weights", "network.safetensors"))
        for reader, name in readers:
            yield Case(f"safetensors {what}, {reader}", reader, lazily(lambda n, d: {n: d}, name, data))
        encoder = lazily(lambda d: {"encoder.pt2": exported(6), "classes.safetensors": d}, data)
        yield Case(f"safetensors {what}, embeddings", "labeler:zero_shot", encoder)
