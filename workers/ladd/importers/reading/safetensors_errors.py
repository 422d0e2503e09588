"""Errors of the safetensors library, translated to their meaning."""

from collections.abc import Iterator
from contextlib import contextmanager

from workers.ladd.engine.memory import is_memory_shortage
from workers.ladd.importers.reading.rejected import rejected

_NO_OBJECT = "PyObject pointer is null"
"""The panic's text where Python has no memory for the bytes of a tensor."""


@contextmanager
def safetensors_errors(location: str) -> Iterator[None]:
    """Raise ImportRejected with rule `readable_tensor_file` for errors of the library, and MemoryError for want of it.

    Where it finds no memory for a tensor its Rust code panics, which surfaces as an exception that is no `Exception`.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        if is_memory_shortage(error) or _NO_OBJECT in str(error):
            raise MemoryError(f"reading {location}") from error
        message = f"safetensors cannot read it: {error}"
        raise rejected(location, "readable_tensor_file", error, message) from error
