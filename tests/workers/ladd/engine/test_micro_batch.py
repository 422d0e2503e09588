"""The cut of a batch: its size, and the networks that bear none."""

import pytest
import torch
from torch import nn

from workers.ladd.engine.micro_batch import check_divisible, micro_batch_size, slices, training_micro_batch


@pytest.mark.parametrize(("side", "cpu", "gpu"), [(32, 64, 1024), (64, 16, 256), (128, 4, 64), (1024, 1, 1)])
def test_size_keeps_the_pixels_constant(side: int, cpu: int, gpu: int) -> None:
    assert micro_batch_size(side, side, torch.device("cpu")) == cpu
    assert micro_batch_size(side, side, torch.device("cuda")) == gpu
    assert micro_batch_size(side, side, torch.device("cpu"), requested=7) == 7


def test_a_network_with_many_weights_for_its_work_gets_more_images() -> None:
    cpu = torch.device("cpu")
    # ConvNetD5 and ViT at 128 px.
    assert training_micro_batch(128, 128, cpu, weights=615_690, flops=5_040_000_000) == 4
    assert training_micro_batch(128, 128, cpu, weights=16_180_000, flops=6_494_000_000) == 40


def test_slices_cover_all_rows_once() -> None:
    assert [list(range(10))[rows] for rows in slices(10, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert slices(0, 4) == []


def test_batch_statistics_are_not_cut() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    check_divisible(model, rows=8, size=8)
    check_divisible(nn.GroupNorm(4, 4), rows=9, size=8)
    with pytest.raises(ValueError, match=r"micro_batch must be at least the 9 rows .* batch statistics .*; got 8"):
        check_divisible(model, rows=9, size=8)
