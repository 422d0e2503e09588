"""One file of state is written whole, and read by the training it is of alone."""

from pathlib import Path
from typing import Any

import pytest
import torch

from workers.ladd.engine.resume import read_state, write_state

STATE: dict[str, Any] = {"recipe": {"lr": 0.1, "seed": 0}, "model": {"weight": torch.arange(3)}}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "resume.pt"
    write_state(path, STATE)
    assert list(tmp_path.iterdir()) == [path]
    found = read_state(path, "recipe", {"lr": 0.1, "seed": 0})
    assert found["recipe"] == STATE["recipe"]
    assert torch.equal(found["model"]["weight"], STATE["model"]["weight"])


class Broken:
    def __reduce__(self) -> str:
        raise OSError("the disk is full")


def test_a_write_that_is_broken_off_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "resume.pt"
    write_state(path, STATE)
    with pytest.raises(OSError, match="full"):
        write_state(path, {"recipe": {}, "model": Broken()})
    assert read_state(path, "recipe", {})["recipe"] == STATE["recipe"]


@pytest.mark.parametrize(("field", "value", "found"), [("lr", 0.2, "0.1"), ("momentum", 0.9, "None")])
def test_another_training_is_refused_by_name(tmp_path: Path, field: str, value: float, found: str) -> None:
    path = tmp_path / "resume.pt"
    write_state(path, STATE)
    message = f"^{field} of resume.pt must be {value}, as in the training that goes on; got {found}$"
    with pytest.raises(ValueError, match=message):
        read_state(path, "recipe", STATE["recipe"] | {field: value})
