"""Networks that are uploaded as sets are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from api_schemas.problems import Reason

Saving = Callable[[str, object], Path]
Refusal = Callable[..., Reason]


@pytest.mark.parametrize("format", ["auto", "mtt"])
def test_replay_buffers_of_mtt_are_no_sets(saved: Saving, refused: Refusal, format: str) -> None:
    """Trajectories of epochs of parameters (MTT `buffer.py`)."""
    trajectory = [[torch.zeros(128, 3, 3, 3), torch.zeros(128)] for _ in range(3)]
    reason = refused(saved("replay_buffer_0.pt", [trajectory, trajectory]), format=format)
    assert (reason.rule, reason.location) == ("holds_images", "replay_buffer_0.pt")
    assert "labeler" in reason.message


def test_the_name_alone_does_not_make_one(saved: Saving, refused: Refusal) -> None:
    assert refused(saved("replay_buffer_0.pt", torch.zeros(4, 3, 8, 8))).rule == "labels_present"
