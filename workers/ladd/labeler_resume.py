"""Where an interrupted labeler training goes on: the state after its last whole epoch, in one file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

FILE_NAME = "resume.pt"


@dataclass(frozen=True)
class ResumePoint:
    """`recipe`: everything the weights depend on, so that no training goes on with another one's state; `model` and
    `optimizer`: state dicts; `history`: one row per epoch done. Random numbers need no state: every epoch has
    generators of its own.
    """

    recipe: dict[str, Any]
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    history: list[dict[str, Any]]

    def save(self, folder: Path) -> Path:
        """Write `resume.pt` in one go: a crash leaves the earlier file whole. Returns its path."""
        path = folder / FILE_NAME
        unfinished = path.with_suffix(".unfinished")
        torch.save(vars(self), unfinished)
        os.replace(unfinished, path)
        return path

    @classmethod
    def load(cls, path: Path, recipe: Mapping[str, Any]) -> "ResumePoint":
        """Read a resume file; raises ValueError naming the first field in which its recipe is another one."""
        point = cls(**torch.load(path, map_location="cpu", weights_only=True))
        for field, value in recipe.items():
            if point.recipe.get(field) != value:
                raise ValueError(
                    f"{field} of {path.name} must be {value!r}, as in the training that goes on; "
                    f"got {point.recipe.get(field)!r}"
                )
        return point
