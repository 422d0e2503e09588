"""Read `.pt` files from strangers: plain tensors in lists and dicts, memory-mapped, nothing executed.

Three fences: the zip's structure, an allow-list over the pickle's opcodes before anything interprets it, and
`torch.load(weights_only=True)`. Tensors are then compared with their storage: a pickle of 1.5 kB can claim ten
billion elements that all lie on one stored number (stride 0), 40 GB once copied.
"""

import io
import pickle
import pickletools
import re
import zipfile
from collections import deque
from math import prod
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.ladd.engine.memory import is_memory_shortage
from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.container import container_of
from workers.ladd.importers.reading.rejected import ImportRejected, rejected
from workers.ladd.importers.reading.safe_zip import open_zip

_STORAGES = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
"""The module of what pickled numpy values call, in numpy 1 and 2."""
_ALLOWED_GLOBALS = {
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    *(f"torch.{name}Storage" for name in _STORAGES),
    # DC, DSA and DM files keep their accuracies as numpy scalars, others as small arrays.
    "numpy.dtype",
    "numpy.ndarray",
    "_codecs.encode",
    *(f"{module}.{name}" for module in _MULTIARRAY for name in ("scalar", "_reconstruct")),
}
_SHARED_TUPLES = 16
"""How often a pickle may refer to a tuple before; torch.save writes each anew. Tuples that hold the one before twice
double with each reference, to whoever hashes or compares them: 100 references would take longer than the universe."""
_MOST_AXES = 32
"""Of an array; numpy 1 has no more."""
_SCALAR_DTYPES = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1")


Array = Tensor | np.ndarray[Any, Any]
"""The arrays of a tensor file."""


def read_torch(path: Path) -> object:
    """Return what `torch.save` wrote: tensors (memory-mapped, on the CPU) in dicts, lists and tuples.

    Numpy arrays of numbers come as they are; they lie in the index, whose size is bounded.

    Raises ImportRejected with rule `no_code_in_pickle`, `shared_tuples`, `torch_zip_format`, `tensor_fits_storage`,
    `readable_tensor_file`, or one of the zip rules.
    """
    if container_of(path) != "zip":
        with path.open("rb") as file:
            _check_pickle(path, file.read(limits.PICKLE_BYTES))
        raise rejected(
            path.name,
            "torch_zip_format",
            None,
            "a pickle, not the zip format of torch.save since torch 1.6, and pickles are not read: load it yourself, "
            "save its tensors with torch.save or its arrays with numpy.savez, and send that",
        )
    with open_zip(path) as archive:
        _check_pickle(path, _pickle_of(path, archive))
    content = _load(path)
    for tensor in _tensors_in(content):
        _check_tensor(path, tensor)
    return content


def is_array(value: object) -> TypeGuard[Array]:
    """Tell whether a value in a tensor file is an array."""
    return isinstance(value, Tensor | np.ndarray)


def as_array(tensor: Array, location: str) -> NDArray[np.generic]:
    """Return a tensor's memory as an array; raises ImportRejected with rule `plain_array` where numpy has none."""
    if isinstance(tensor, np.ndarray):
        return np.asarray(tensor)
    if tensor.layout != torch.strided or tensor.dtype == torch.bfloat16 or tensor.is_neg() or tensor.ndim > _MOST_AXES:
        found = f"{tensor.dtype}, {tensor.layout}, {tensor.ndim} axes"
        raise rejected(location, "plain_array", found, "the tensor is not a plain array; save it as float32 or uint8")
    array: NDArray[np.generic] = tensor.detach().numpy()
    return array


def is_pickle(path: Path) -> bool:
    """Tell whether a file that is no container looks like a bare pickle (or a `.pt` of torch < 1.6)."""
    with path.open("rb") as file:
        content = file.read(limits.PICKLE_BYTES)
    if content.startswith(pickle.PROTO):
        return True
    try:  # protocols 0 and 1 have no mark: they parse to the end or they are something else
        for _ in pickletools.genops(io.BytesIO(content)):
            pass
    except Exception:  # whatever the opcodes' decoders raise
        return False
    return True


def is_tensor_index(name: str) -> bool:
    """Tell whether a zip member's name is that of the pickle that `torch.save` writes."""
    return name.count("/") == 1 and name.endswith("/data.pkl")


def _pickle_of(path: Path, archive: zipfile.ZipFile) -> bytes:
    members = [member for member in archive.infolist() if is_tensor_index(member.filename)]
    if len(members) != 1:
        raise rejected(
            path.name, "torch_zip_format", f"{len(members)} data.pkl", "the zip is not one that torch.save wrote"
        )
    for member in archive.infolist():
        if member.compress_type != zipfile.ZIP_STORED:
            raise rejected(
                path.name, "torch_zip_format", member.filename, "torch.save stores members without compression"
            )
    if members[0].file_size > limits.PICKLE_BYTES:
        raise rejected(
            path.name,
            "pickle_size",
            f"{members[0].file_size} bytes",
            f"the index of a tensor file may have {limits.PICKLE_BYTES} bytes; numpy arrays lie in it: save tensors in "
            "their place (torch.from_numpy), or an .npz",
        )
    try:
        return archive.read(members[0])
    except (zipfile.BadZipFile, EOFError) as error:
        raise rejected(path.name, "readable_tensor_file", error, f"the zip cannot be read: {error}") from error


def _check_pickle(path: Path, content: bytes) -> None:
    """Walk the opcodes without interpreting them; refuse every global that a tensor file has no use for."""
    strings: deque[str] = deque(maxlen=2)
    tuples: set[int | None] = set()
    before, shared = "", 0
    try:
        for opcode, argument, _ in pickletools.genops(io.BytesIO(content)):
            if "PUT" in opcode.name and "TUPLE" in before:
                tuples.add(argument)
            elif "GET" in opcode.name and argument in tuples:
                shared += 1
            before = opcode.name
            if shared > _SHARED_TUPLES:
                message = f"the pickle refers to earlier tuples more than {_SHARED_TUPLES} times"
                raise rejected(path.name, "shared_tuples", f"> {_SHARED_TUPLES}", message)
            if opcode.name in ("GLOBAL", "INST"):
                _check_global(path, str(argument).replace(" ", "."))
            elif opcode.name == "STACK_GLOBAL":
                _check_global(path, ".".join(strings))
            elif opcode.name.startswith("EXT"):
                _check_global(path, f"extension {argument}")
            elif "UNICODE" in opcode.name:
                strings.append(str(argument))
    except ImportRejected:
        raise
    except Exception as error:  # pickletools raises whatever its decoders raise
        raise rejected(path.name, "readable_tensor_file", error, f"not a tensor file: {error}") from error


def _check_global(path: Path, name: str) -> None:
    if name not in _ALLOWED_GLOBALS:
        raise rejected(
            path.name,
            "no_code_in_pickle",
            name,
            f"the pickle calls {name}; only tensors, numbers, strings, lists and dicts are read. Save these alone, "
            "as torch.save({'images': images, 'labels': labels}, path) does",
        )


def _scalar_dtype(code: str, *flags: object) -> np.dtype[np.generic]:
    """Stand in for `numpy.dtype`: fixed-size numbers only (a `V` dtype could claim gigabytes)."""
    if code not in _SCALAR_DTYPES:
        raise pickle.UnpicklingError(f"numpy values of dtype {code!r}, which are no plain numbers")
    # A copy, as its byte order is set later: without, it would be that of every dtype of this name.
    return np.dtype(code, copy=True)


class _StoredArray(np.ndarray[Any, Any]):
    """Stand in for `numpy.ndarray`: an array has the elements whose bytes follow, whatever was claimed before."""

    def __new__(cls) -> "_StoredArray":
        return super().__new__(cls, (0,), np.uint8)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, _, data = state
        if dtype.str[1:] not in _SCALAR_DTYPES or len(data) != prod(shape) * dtype.itemsize:
            raise pickle.UnpicklingError(f"a numpy array of shape {shape} and dtype {dtype} that is not what follows")
        super().__setstate__(state)


def _reconstruct(kind: object, *claims: object) -> _StoredArray:
    """Stand in for numpy's function of this name: the state that follows says what the array is."""
    return _StoredArray()


def _load(path: Path) -> object:
    scalar: Any = np.float64(0).__reduce__()[0]
    numbers: list[Any] = [type(np.dtype(code)) for code in _SCALAR_DTYPES]
    stand_ins: list[Any] = [(_scalar_dtype, "numpy.dtype"), (_StoredArray, "numpy.ndarray")]
    for module in _MULTIARRAY:
        stand_ins += [(scalar, f"{module}.scalar"), (_reconstruct, f"{module}._reconstruct")]
    try:
        with torch.serialization.safe_globals([*numbers, *stand_ins]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a broken file surfaces as any exception of the unpickler or of torch's own code
        if is_memory_shortage(error):
            raise
        fault = _fault(error)
        raise rejected(
            path.name, "readable_tensor_file", fault, f"torch.load cannot read the file: {fault[:200]}"
        ) from error


def _fault(error: Exception) -> str:
    """Return the one line of torch's long advice that says what is wrong."""
    told = re.search(r"WeightsUnpickler error:\s*(.+)", str(error))
    lines = [told[1]] if told else str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


def _tensors_in(content: object) -> list[Tensor]:
    tensors: list[Tensor] = []
    pending, seen = [content], {id(content)}
    while pending:
        value = pending.pop()
        if isinstance(value, Tensor):
            tensors.append(value)
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        for child in children:
            if id(child) not in seen:
                seen.add(id(child))
                pending.append(child)
    return tensors


def _check_tensor(path: Path, tensor: Tensor) -> None:
    stored = tensor.untyped_storage().nbytes()
    claimed = tensor.numel() * tensor.itemsize
    if claimed > stored:
        raise rejected(
            path.name,
            "tensor_fits_storage",
            f"{tensor.numel()} elements of {tensor.itemsize} bytes",
            f"a tensor of shape {tuple(tensor.shape)} claims {claimed} bytes, "
            f"the file stores {stored} of them; save a contiguous copy",
        )
