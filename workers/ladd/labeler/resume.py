"""Where an interrupted labeler training goes on: the state after its last whole epoch, in one file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from workers.ladd.engine.resume import read_state, write_state

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
        write_state(path, vars(self))
        return path

    @classmethod
    def load(cls, path: Path, recipe: Mapping[str, Any]) -> "ResumePoint":
        """Read a resume file; raises ValueError naming the first field in which its recipe is another one."""
        return cls(**read_state(path, "recipe", recipe))
