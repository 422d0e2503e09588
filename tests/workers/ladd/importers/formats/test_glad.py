"""GLaD's two layouts of files."""

from collections.abc import Callable
from pathlib import Path

import torch

from workers.ladd.importers import Imported

Saving = Callable[[str, object], Path]
Reading = Callable[..., Imported]

IMAGES, LABELS = torch.zeros(2, 3, 8, 8), torch.tensor([0, 1])


def test_both_layouts(saved: Saving, read: Reading) -> None:
    pair = read(saved("images_best.pt", IMAGES), saved("labels_best.pt", LABELS), format="glad")
    final = {"data": [[IMAGES, LABELS]], "accs_all_exps": {"ConvNet": [0.5]}}
    for imported in (pair, read(saved("res_imagenet-a_ConvNet_1ipc.pt", final), format="glad")):
        assert imported.splits["all"].labels.tolist() == [0, 1]
