"""One block for all, with every tensor's dtype and shape."""

from itertools import pairwise

import torch

from workers.ladd.engine.transfer import to_device

TENSORS = [
    torch.tensor([True, False, True]),
    torch.tensor([[1.5, -2.0], [3.0, 4.0]]),
    torch.tensor([7, 8, 9]),
    torch.empty(0),
    torch.eye(3)[:, 1:],
]


def test_the_cpu_keeps_them() -> None:
    assert all(moved is tensor for moved, tensor in zip(to_device(TENSORS, torch.device("cpu")), TENSORS, strict=True))


def test_a_device_gets_views_of_one_block() -> None:
    moved = to_device(TENSORS, torch.device("meta"))
    assert [(each.dtype, each.shape, each.device.type) for each in moved] == [
        (tensor.dtype, tensor.shape, "meta") for tensor in TENSORS
    ]
    assert len({each.untyped_storage()._cdata for each in moved}) == 1
    spans = sorted((each.storage_offset() * each.element_size(), each.nbytes) for each in moved)
    assert all(start + size <= after for (start, size), (after, _) in pairwise(spans))


def test_nothing_is_sent_for_nothing() -> None:
    assert to_device([], torch.device("meta")) == []
