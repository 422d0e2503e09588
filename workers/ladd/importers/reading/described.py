"""Contents of a file, in words for a refusal."""

from collections.abc import Iterable

import numpy as np
from torch import Tensor

_SHOWN = 6
_LEVELS = 3


def described(content: object, levels: int = _LEVELS) -> str:
    """Describe what a tensor file holds: types, shapes, keys; no values but short ones, and no more than a few."""
    if isinstance(content, Tensor | np.ndarray):
        return described_array(content.dtype, content.shape)
    if isinstance(content, str):
        return f"the text {content[:40]!r}"
    if content is None or isinstance(content, bool | int | float | np.generic):
        return f"the value {content}"
    if isinstance(content, dict):
        items = (f"{_name(key)}: {described(value, levels - 1)}" for key, value in content.items())
        return _some("a dict", items, len(content), levels)
    if isinstance(content, list | tuple):
        return _some(
            f"a {type(content).__name__}", (described(item, levels - 1) for item in content), len(content), levels
        )
    return f"a {type(content).__name__}"


def described_array(dtype: object, shape: Iterable[int]) -> str:
    """Describe an array, such as `float32 [6, 3, 32, 32]`."""
    return f"{str(dtype).removeprefix('torch.')} {list(shape)}"


def _name(key: object) -> str:
    return str(key)[:60] if isinstance(key, str | int) else type(key).__name__


def _some(kind: str, items: Iterable[str], count: int, levels: int) -> str:
    if not count or levels <= 0:
        return f"{kind} of {count}"
    shown = [item for item, _ in zip(items, range(_SHOWN), strict=False)]
    more = f", and {count - _SHOWN} more" if count > _SHOWN else ""
    return f"{kind} of {count} ({', '.join(shown)}{more})"
