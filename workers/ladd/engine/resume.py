"""The state of an interrupted training in one file, which no other training goes on with."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write the file in one go: a crash leaves the earlier one whole."""
    unfinished = path.with_suffix(".unfinished")
    torch.save(dict(state), unfinished)
    os.replace(unfinished, path)


def read_state(path: Path, decided_by: str, expected: Mapping[str, Any]) -> dict[str, Any]:
    """Read what `write_state` wrote; its entry `decided_by` holds everything that decides the training.

    Raises ValueError naming the first field of `expected` in which that training is another one.
    """
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    for field, value in expected.items():
        found = state[decided_by].get(field)
        if found != value:
            raise ValueError(
                f"{field} of {path.name} must be {value!r}, as in the training that goes on; got {found!r}"
            )
    return state
