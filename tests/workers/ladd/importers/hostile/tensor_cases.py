"""`.pt` files: pickles with code, tensors that claim what is not stored, containers without end."""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from tests.workers.ladd.importers.hostile.case import Case, lazily
from tests.workers.ladd.importers.hostile.valid_files import (
    FLOATS,
    HARD,
    bare_pickle,
    network_weights,
    saved,
    valid,
    zipped,
)

CODE = frozenset({"no_code_in_pickle"})
PICKLE_READERS = ("auto", "labeler:weights", "labeler:replay_buffer")
REPLAY = {"trajectory": 0, "checkpoint_epochs": None}


class Calls:
    """Pickles to a call."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def _exec(text: str) -> Calls:
    return Calls(exec, text)


CALLS: dict[str, Callable[[], object]] = {
    "exec": lambda: _exec("open('ran', 'w')"),
    "eval": lambda: Calls(eval, "1"),
    "open": lambda: Calls(open, "ran", "w"),
    "getattr": lambda: Calls(getattr, 1, "real"),
    "import": lambda: Calls(__import__, "os"),
    "bytearray of 2^40": lambda: Calls(bytearray, 2**40),
    "range": lambda: Calls(range, 10),
    "set": lambda: {1, 2},
    "deque": lambda: deque([1]),
    "class": lambda: Calls,
    "masked array": lambda: np.ma.zeros(3),
    "object array": lambda: np.array([print], dtype=object),
    "torch.load": lambda: Calls(torch.load, "ran"),
    "torch.hub.load": lambda: Calls(torch.hub.load, "a/b", "c"),
    "sparse tensor": lambda: torch.eye(3).to_sparse(),
    "module": lambda: torch.nn.Linear(1, 1),
    "complex number": lambda: 1j,
    "exception": lambda: ValueError("x"),
}
OPCODES: dict[str, bytes] = {
    "GLOBAL": b"cos\nsystem\n(S'touch ran'\ntR.",
    "GLOBAL with a space": b"cos path\nsystem\n(tR.",
    "GLOBAL of a dotted name": b"cos\npath.join\n(tR.",
    "INST": b"(S'touch ran'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'touch ran'\no.",
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x09touch ran\x85R.",
    "STACK_GLOBAL by memo": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x8c\x01xh\x00h\x01\x93)R.",
    "NEWOBJ": b"\x80\x02cos\nsystem\n)\x81.",
    "NEWOBJ_EX": b"\x80\x04cos\nsystem\n)}\x92.",
    "BUILD": b"\x80\x02cos\n_wrap_close\n)\x81}X\x01\x00\x00\x00aK\x01sb.",
    "EXT1": b"\x80\x02\x82\x01.",
    "EXT2": b"\x80\x02\x83\x01\x00.",
    "EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
    "PERSID": b"Ptouch ran\n.",
    "BINPERSID": b"\x80\x02X\x01\x00\x00\x00aQ.",
    "REDUCE of an allowed class": b"\x80\x02ccollections\nOrderedDict\n(K\x01K\x02K\x03tR.",
    "_codecs.encode to zlib": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x04\x00\x00\x00zlib\x86R.",
    "numpy array of 10^12": (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n\x8a\x06\x00\x10\xa5\xd4\xe8\x00\x85U\x01b\x87R."
    ),
    "numpy array, called": b"\x80\x02cnumpy\nndarray\n\x8a\x06\x00\x10\xa5\xd4\xe8\x00\x85\x85R.",
    "numpy array, state no tuple": (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87RK\x07b."
    ),
    "numpy array over a class": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nccollections\nOrderedDict\n\x85R.",
    "numpy.dtype of 2^60 bytes": b"\x80\x02cnumpy\ndtype\nX\x04\x00\x00\x00V999\x85R.",
    "scalar of an object": (
        b"\x80\x02cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\x00\x00\x00O8\x85RX\x01\x00\x00\x00a\x86R."
    ),
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "BYTEARRAY8 of 2^60": b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b".",
    "BINUNICODE8 of 2^60": b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b".",
    "LONG4 of 2^31": b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "FRAME of 2^60": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N.",
    "memo at 2^32": b"\x80\x02Nr\xff\xff\xff\xff.",
    "get of what is not there": b"\x80\x02h\x07.",
    "no stack": b"\x80\x020.",
    "MARK without end": b"\x80\x02" + b"(" * 10_000 + b".",
    "20,000 lists": b"\x80\x02" + b"]" * 20_000 + b"a" * 19_999 + b".",
    "a list that holds itself": b"\x80\x02]q\x00h\x00a.",
    "unhashable key": b"\x80\x02}]K\x01s.",
    "no STOP": b"\x80\x02N",
    "protocol 255": b"\x80\xffN.",
    "unknown opcode": b"\x80\x02\xfe.",
    "text that is not UTF-8": b"\x80\x02X\x02\x00\x00\x00\xff\xfe.",
    "a surrogate as text": b"\x80\x02}X\x03\x00\x00\x00\xed\xa0\x80K\x01s.",
}


def _laughs(levels: int) -> bytes:
    """Return a pickle of few bytes: tuples that hold the one before twice, 2^levels of them to whoever hashes it."""
    grown = b"".join(b"h%ch%c\x86q%ca" % (level, level, level + 1) for level in range(levels))
    return b"\x80\x02]K\x01\x85q\x00a" + grown + b"}h%cK\x01sa." % levels


def in_torch_zip(pickled: bytes, **members: bytes) -> bytes:
    """Return a `.pt` zip with this index."""
    return zipped(
        {"archive/data.pkl": pickled, "archive/version": b"3\n", **{f"archive/data/{k}": v for k, v in members.items()}}
    )


class _Indexed(pickle.Pickler):
    """Pickles tensors' storages as torch does, by number."""

    def persistent_id(self, value: Any) -> Any:
        return value.claim if isinstance(value, Storage) else None


class Storage:
    """A storage by its claim: type, number, device, elements."""

    def __init__(
        self, kind: object = torch.FloatStorage, key: str = "0", device: str = "cpu", elements: object = 4
    ) -> None:
        self.claim = ("storage", kind, key, device, elements)


class Rebuilt:
    """A tensor by the arguments of its rebuilding."""

    def __init__(self, *arguments: object, **storage: object) -> None:
        self._call = (torch._utils._rebuild_tensor_v2, (Storage(**storage), *arguments))  # type: ignore[arg-type]

    def __reduce__(self) -> Any:
        return self._call


def rebuilt(value: object, **members: bytes) -> bytes:
    """Return a `.pt` whose tensors are as claimed, beside these storages."""
    buffer = io.BytesIO()
    _Indexed(buffer, 2).dump(value)
    return in_torch_zip(buffer.getvalue(), **members)


def _shaped(offset: object, size: object, stride: object, *more: object, **storage: object) -> bytes:
    tensor = Rebuilt(offset, size, stride, False, OrderedDict(), *more, **storage)
    return rebuilt(tensor, **{"0": bytes(16)})


IMAGE = (1, 1, 8, 8)
STRIDES = (64, 64, 8, 1)
CLAIMS: dict[str, Callable[[], bytes]] = {
    "size beyond the storage": lambda: _shaped(0, IMAGE, STRIDES),
    "offset beyond the storage": lambda: _shaped(1000, (1,), (1,)),
    "offset negative": lambda: _shaped(-1, (1,), (1,)),
    "offset 2^62": lambda: _shaped(2**62, (1,), (1,)),
    "stride negative": lambda: _shaped(3, (2,), (-1,)),
    "stride 2^62": lambda: _shaped(0, (2, 2), (2**62, 1)),
    "strides 0, 10^10 elements": lambda: _shaped(0, (10**6, 1, 100, 100), (0, 0, 0, 0)),
    "size negative": lambda: _shaped(0, (-1, 1, 8, 8), STRIDES),
    "sizes that overflow": lambda: _shaped(0, (2**32, 2**32, 2**32, 2), (0, 0, 0, 0)),
    "size 2^63": lambda: _shaped(0, (2**63,), (1,)),
    "size a float": lambda: _shaped(0, (1.5,), (1,)),
    "size and stride of different lengths": lambda: _shaped(0, (1, 1), (1,)),
    "65 axes": lambda: _shaped(0, (1,) * 65, (1,) * 65),
    "2,000 axes": lambda: _shaped(0, (1,) * 2000, (1,) * 2000),
    "no elements, 10^18 wide": lambda: _shaped(0, (0, 1, 10**9, 10**9), (1, 1, 1, 1)),
    "storage claims 2^60 elements": lambda: _shaped(0, (4,), (1,), elements=2**60),
    "storage claims -1 elements": lambda: _shaped(0, (4,), (1,), elements=-1),
    "storage claims text": lambda: _shaped(0, (4,), (1,), elements="many"),
    "storage is not in the file": lambda: _shaped(0, (4,), (1,), key="7"),
    "storage is at ../..": lambda: _shaped(0, (4,), (1,), key="../../etc/passwd"),
    "storage is the pickle": lambda: _shaped(0, (4,), (1,), key="../data.pkl"),
    "storage on a GPU": lambda: _shaped(0, IMAGE, (0, 0, 0, 0), device="cuda:7"),
    "storage on meta": lambda: _shaped(0, IMAGE, STRIDES, device="meta", elements=64),
    "storage of doubles": lambda: _shaped(0, (4,), (1,), kind=torch.DoubleStorage),
    "storage of no class": lambda: _shaped(0, (4,), (1,), kind="FloatStorage"),
    "negative bit": lambda: _shaped(0, (1, 1, 2, 2), (4, 4, 2, 1), {"neg": True}),
    "conjugate bit": lambda: _shaped(0, (1, 1, 2, 2), (4, 4, 2, 1), {"conj": True}),
    "metadata of no meaning": lambda: _shaped(0, (4,), (1,), {"x": 1}),
    "metadata no dict": lambda: _shaped(0, (4,), (1,), 7),
    "one tensor, claimed twice over one storage": lambda: rebuilt(
        [Rebuilt(0, IMAGE, (0, 0, 0, 1), False, OrderedDict()), Rebuilt(0, (1,), (1,), False, OrderedDict())],
        **{"0": bytes(16)},
    ),
}


def _structures() -> Iterator[tuple[str, bytes, set[str]]]:
    good = valid("mtt")["images_best.pt"]
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    top = next(iter(members)).partition("/")[0]
    yield "no storages", zipped({f"{top}/data.pkl": members[f"{top}/data.pkl"]}), {"readable_tensor_file"}
    yield "storage short", zipped({**members, f"{top}/data/0": bytes(8)}), set()
    yield "two indexes", zipped({**members, "other/data.pkl": b"N."}), {"torch_zip_format"}
    yield "deflated", zipped(members, zipfile.ZIP_DEFLATED), {"torch_zip_format"}
    yield "index of 5 MiB", zipped({**members, f"{top}/data.pkl": bytes(5 << 20)}), {"pickle_size"}
    yield "index of no bytes", zipped({**members, f"{top}/data.pkl": b""}), {"readable_tensor_file"}
    yield "byte order unknown", zipped({**members, f"{top}/byteorder": b"middle"}), set()
    yield "version of 2^80", zipped({**members, f"{top}/version": b"9" * 25}), set()
    yield "TorchScript", zipped({**members, f"{top}/constants.pkl": b"N.", f"{top}/code/__torch__.py": b"x"}), set()
    yield "saved before torch 1.6", saved(FLOATS, legacy=True), {"torch_zip_format"}
    yield "saved before torch 1.6, cut", saved(FLOATS, legacy=True)[:100], set()
    yield "bare pickle of numbers", bare_pickle([1, 2]), {"torch_zip_format"}
    yield "bare pickle, protocol 0", bare_pickle({"a": 1}, 0), {"torch_zip_format"}


VALUES: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "a number": lambda: 7,
    "text": lambda: "images",
    "an empty list": list,
    "an empty dict": dict,
    "lists in lists": lambda: [[[[]]]],
    "a scalar tensor": lambda: torch.tensor(1.0),
    "an empty tensor": lambda: torch.zeros(0, 3, 8, 8),
    "a tensor of 5 axes": lambda: torch.zeros(1, 1, 3, 8, 8),
    "booleans": lambda: torch.zeros(4, 3, 8, 8, dtype=torch.bool),
    "int64 images": lambda: torch.zeros(4, 3, 8, 8, dtype=torch.int64),
    "bfloat16 images": lambda: FLOATS.bfloat16(),
    "complex images": lambda: torch.zeros(4, 3, 8, 8, dtype=torch.complex64),
    "float8 images": lambda: torch.zeros(4, 3, 8, 8, dtype=torch.float8_e5m2),
    "five channels": lambda: torch.zeros(4, 5, 8, 8),
    "not square": lambda: torch.zeros(4, 3, 8, 9),
    "one pixel": lambda: torch.zeros(4, 3, 1, 1),
    "2,048 pixels a side": lambda: torch.zeros(1, 1, 2048, 2048, dtype=torch.uint8),
    "an unknown key": lambda: {"images": FLOATS},
    "'data' is a tensor": lambda: {"data": FLOATS},
    "'data' is empty": lambda: {"data": []},
    "'data' of three": lambda: {"data": [[FLOATS, HARD, HARD]]},
    "'data' of text": lambda: {"data": [["images", "labels"]]},
    "'data' without labels": lambda: {"data": [[FLOATS]]},
    "surrogate key": lambda: {"\ud800": FLOATS},
    "tuple key": lambda: {(1, 2): FLOATS},
    "images and labels swapped": lambda: [HARD, FLOATS],
    "three tensors": lambda: [FLOATS, HARD, HARD],
    "a numpy array": lambda: np.zeros(3),
    "numpy arrays of text": lambda: {"images": FLOATS, "labels": np.array(["a"])},
    "numpy arrays of objects": lambda: {"images": FLOATS, "labels": np.array([None])},
    "images named twice": lambda: {"images": FLOATS, "x": FLOATS, "labels": HARD},
    "labels of whole numbers, huge": lambda: {"images": FLOATS, "labels": [0, 0, 1, 2**70]},
    "labels of lists of lists": lambda: {"images": FLOATS, "labels": [[0, 0], [1, 1]]},
    "images of parts that differ": lambda: {"images": [FLOATS, HARD], "labels": HARD},
    "classes of other sizes": lambda: [FLOATS, FLOATS[:, :, :4]],
    "classes of one name less": lambda: {0: FLOATS, 2: FLOATS},
}


def _in_itself() -> object:
    content: dict[str, object] = {}
    content["model"] = content
    return content


def _labeler_values() -> Mapping[str, Callable[[], object]]:
    weights = network_weights()
    first = next(iter(weights))
    return {
        "one is missing": lambda: {k: v for k, v in weights.items() if k != first},
        "one too many": lambda: {**weights, "more": torch.zeros(1)},
        "one of another shape": lambda: {**weights, first: torch.zeros(2)},
        "one of integers": lambda: {**weights, first: torch.zeros_like(weights[first], dtype=torch.int64)},
        "one NaN": lambda: {**weights, first: torch.full_like(weights[first], torch.nan)},
        "one infinite": lambda: {**weights, first: torch.full_like(weights[first], torch.inf)},
        "one too large for float32": lambda: {**weights, first: weights[first].double() * 1e300},
        "one is no tensor": lambda: {**weights, first: 1},
        "in a list": lambda: [weights],
        "in itself": _in_itself,
        "beside another": lambda: {"model": weights, "net": weights},
        "in three lists": lambda: [[[*weights.values()]]],
        "epochs of different lengths": lambda: [[[*weights.values()], []]],
        "trajectory of numbers": lambda: [[1, 2, 3]],
        "surrogate name": lambda: {**weights, "\udcff": torch.zeros(1)},
        "name of 100,000 characters": lambda: {**weights, "n" * 100_000: torch.zeros(1)},
    }


def tensor_cases() -> Iterator[Case]:
    """Yield code, claims and contents, to readers of datasets and of labelers."""
    for reader in PICKLE_READERS:
        told = REPLAY if reader.startswith("labeler") else {}
        for what, value in CALLS.items():
            yield Case(
                f"pickle {what}, zip, {reader}",
                reader,
                lazily(lambda v: {"a.pt": saved(v())}, value),
                CODE,
                options=told,
            )
        for what, value in CLAIMS.items():
            yield Case(f"tensor {what}, {reader}", reader, lazily(lambda v: {"a.pt": v()}, value), options=told)
        for what, value in VALUES.items():
            yield Case(f"content {what}, {reader}", reader, lazily(lambda v: {"a.pt": saved(v())}, value), options=told)
        for levels in (30, 100):
            make = lazily(lambda n: {"a.pt": in_torch_zip(_laughs(n))}, levels)
            yield Case(
                f"pickle of 2^{levels} numbers in tuples, {reader}",
                reader,
                make,
                frozenset({"shared_tuples"}),
                options=told,
            )
    for what, opcodes in OPCODES.items():
        yield Case(f"opcodes {what}, bare", "auto", lazily(lambda o: {"a.pt": o}, opcodes))
        yield Case(f"opcodes {what}, zip", "auto", lazily(lambda o: {"a.pt": in_torch_zip(o)}, opcodes))
    for position, (what, _, rules) in enumerate(_structures()):
        yield Case(
            f"torch file {what}", "auto", lazily(lambda p: {"a.pt": [*_structures()][p][1]}, position), frozenset(rules)
        )
    for what, value in _labeler_values().items():
        for reader in PICKLE_READERS[1:]:
            yield Case(
                f"weights {what}, {reader}", reader, lazily(lambda v: {"a.pt": saved(v())}, value), options=REPLAY
            )
