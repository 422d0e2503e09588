"""The cut of a batch: its size, and the networks that bear none."""

import pytest
import torch
from torch import nn

from workers.ladd.engine.micro_batch import (
    check_divisible,
    even,
    gpu_micro_batch,
    micro_batch_size,
    slices,
    training_micro_batch,
)


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


GB = 10**9


@pytest.mark.parametrize(
    ("side", "rows", "free", "size"),
    [
        # Everything fits.
        (128, 300, 141 * GB, 300),
        (32, 6_656, 141 * GB, 6_656),
        # 512 images of 128 px are the most: 13 micro-batches, all of 512.
        (128, 6_656, 141 * GB, 512),
        (128, 600, 141 * GB, 300),
        # 80 % of 10 GB hold 79 images of 100 MB and the 100 MB of the weights: 300, 150, 75.
        (128, 300, 10 * GB, 75),
        (128, 260, 10 * GB, 65),
        # A little memory more or less changes nothing.
        (128, 300, 11 * GB, 75),
        # Less than one image's worth is for the step to find out.
        (128, 300, 0, 1),
    ],
)
def test_a_gpu_forwards_what_its_free_memory_holds(side: int, rows: int, free: int, size: int) -> None:
    def peak_of(images: int) -> int:
        return (1 + images * side**2 // 128**2) * GB // 10

    assert gpu_micro_batch(side, side, rows, free, peak_of) == size


def test_micro_batches_of_a_step_are_evened_out() -> None:
    assert [even(rows, 64) for rows in (1, 64, 65, 260)] == [1, 64, 33, 52]


def test_slices_cover_all_rows_once() -> None:
    assert [list(range(10))[rows] for rows in slices(10, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert slices(0, 4) == []


def test_batch_statistics_are_not_cut() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    check_divisible(model, rows=8, size=8)
    check_divisible(nn.GroupNorm(4, 4), rows=9, size=8)
    with pytest.raises(ValueError, match=r"micro_batch must be at least the 9 rows .* batch statistics .*; got 8"):
        check_divisible(model, rows=9, size=8)
