"""Contents of a file, in words."""

import numpy as np
import torch

from workers.ladd.importers.reading.described import described


def test_arrays_are_told_by_type_and_shape() -> None:
    assert described(torch.zeros(6, 3, 32, 32)) == "float32 [6, 3, 32, 32]"
    assert described(np.zeros((2, 3), np.uint8)) == "uint8 [2, 3]"


def test_dicts_by_their_keys_and_lists_by_their_members() -> None:
    content = {"imgs": torch.zeros(2, 1, 8, 8), "name": "cifar10", "more": [torch.zeros(1), (1, 2.5)], 3: None}
    assert described(content) == (
        "a dict of 4 (imgs: float32 [2, 1, 8, 8], name: the text 'cifar10', more: a list of 2 (float32 [1], a tuple of "
        "2 (the value 1, the value 2.5)), 3: the value None)"
    )


def test_long_and_deep_ones_are_cut() -> None:
    deep: list[object] = []
    deep.append(deep)
    assert described(deep) == "a list of 1 (a list of 1 (a list of 1 (a list of 1)))"
    assert described(list(range(1000))).endswith("the value 5, and 994 more)")
    assert len(described({"k" * 10**6: "v" * 10**6})) < 200
