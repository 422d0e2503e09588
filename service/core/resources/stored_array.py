"""An array of a set as the object storage has it, of which single rows are read."""

import ast
import math
import struct
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import groupby, islice

from service.core.objects.storage import Blob, Storage, blob_key

_HEADER_BYTES = 1024
"""Read to find an npy file's header, which numpy writes in 128."""
_BYTES = {"|u1": 1, "<f4": 4, "<i8": 8}


class StoredArray:
    """An npy file of version 1.0 and a type that sets have: uint8, float32 or int64. Its header is read when needed."""

    def __init__(self, storage: Storage, blob: Blob) -> None:
        self._storage = storage
        self._key = blob_key(blob.sha256)

    @cached_property
    def _header(self) -> tuple[dict[str, object], int]:
        # 8 bytes of magic, the header's length in 2, the header as a Python literal.
        head = self._storage.read_range(self._key, 0, _HEADER_BYTES)
        start = 10 + int.from_bytes(head[8:10], "little")
        return ast.literal_eval(head[10:start].decode("latin-1")), start

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes; the first counts the rows."""
        shape = self._header[0]["shape"]
        assert isinstance(shape, tuple)
        return shape

    @property
    def dtype(self) -> str:
        """`|u1`, `<f4` or `<i8`."""
        return str(self._header[0]["descr"])

    def row(self, index: int) -> bytes:
        """Return the bytes of one row, in C order."""
        size = math.prod(self.shape[1:]) * _BYTES[self.dtype]
        return self._storage.read_range(self._key, self._header[1] + index * size, size)

    def rows(self, indices: Sequence[int]) -> list[bytes]:
        """Return several rows; those that lie one behind the other are read at once."""
        size = math.prod(self.shape[1:]) * _BYTES[self.dtype]
        found: list[bytes] = []
        for _, run in groupby(enumerate(indices), key=lambda pair: pair[1] - pair[0]):
            wanted = [index for _, index in run]
            read = self._storage.read_range(self._key, self._header[1] + wanted[0] * size, len(wanted) * size)
            found += [read[place : place + size] for place in range(0, len(read), size)]
        return found

    def places_of(self, value: int, most: int) -> list[int]:
        """Return where an array of int64 with one axis has this value, the first `most` places."""
        return list(islice((place for place, found in enumerate(self._values()) if found == value), most))

    def first_places(self) -> dict[int, int]:
        """Return {value: first place} of an array of int64 with one axis."""
        found: dict[int, int] = {}
        for place, value in enumerate(self._values()):
            found.setdefault(value, place)
        return found

    def _values(self) -> Iterator[int]:
        size = _BYTES[self.dtype]
        read = self._storage.read_range(self._key, self._header[1], self.shape[0] * size)
        yield from (value for (value,) in struct.iter_unpack("<q", read))
