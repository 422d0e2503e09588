"""Operators with fixed sums are torch's affair inside the block alone, and only on a GPU."""

from typing import Any

import pytest
import torch
import torch.utils.deterministic

from workers.ladd.engine.determinism import repeatable

CUDA = torch.device("cuda")


def settings() -> tuple[bool, bool, bool]:
    module: Any = torch.utils.deterministic
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        module.fill_uninitialized_memory,
    )


def test_it_holds_inside_the_block_and_leaves_all_as_it_was() -> None:
    before = settings()
    with repeatable(CUDA, wanted=True):
        assert settings() == (True, False, False)
    assert settings() == before
    with pytest.raises(KeyError), repeatable(CUDA, wanted=True):
        raise KeyError
    assert settings() == before


@pytest.mark.parametrize(("device", "wanted"), [(torch.device("cpu"), True), (CUDA, False)])
def test_nothing_changes_where_it_is_not_wanted_or_not_needed(device: torch.device, wanted: bool) -> None:
    before = settings()
    with repeatable(device, wanted):
        assert settings() == before
