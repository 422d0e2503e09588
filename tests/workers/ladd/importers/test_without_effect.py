"""Fields of the metadata that change nothing are named with the reason."""

import numpy as np
import pytest

from workers.ladd.importers.imported import Imported, ImportOptions, Split
from workers.ladd.importers.without_effect import without_effect

IMAGES = np.zeros((2, 8, 8, 3), np.uint8)
INDICES = Imported({"all": Split(IMAGES, np.array([0, 1]), "x", "y")})
ROWS = Imported({"all": Split(IMAGES, np.array([0, 1]), "x", "y", target_columns=2)})


def warnings(imported: Imported, format: str, **given: object) -> list[str]:
    return without_effect(imported, format, ImportOptions(**{"name": "set", "role": "distilled", **given}))


@pytest.mark.parametrize(
    ("format", "given", "field"),
    [
        ("npz", {"soft_labels": "logits"}, "soft_labels"),
        ("npz", {"experiment": 0}, "experiment"),
        ("npz", {"resize": "squash"}, "resize"),
        ("class_folders", {"resize": "squash"}, "resize"),
        ("mtt", {"class_map": "imagefolder"}, "class_map"),
        ("npz", {"role": "source", "learned_lr": 0.1}, "learned_lr"),
        ("npz", {"role": "source", "distillation_flops": 1e9}, "distillation_flops"),
        ("npz", {"role": "source", "source_dataset": "ds_" + "0" * 26}, "source_dataset"),
    ],
)
def test_a_field_that_changes_nothing_is_named(format: str, given: dict[str, object], field: str) -> None:
    [warning] = warnings(INDICES, format, **given)
    assert warning.startswith(f"{field} has no effect: ")


@pytest.mark.parametrize(
    ("imported", "format", "given"),
    [
        (INDICES, "npz", {}),
        (INDICES, "npz", {"resize": "center_crop"}),
        (ROWS, "npz", {"soft_labels": "targets"}),
        (INDICES, "dm", {"experiment": 3}),
        (INDICES, "class_folders", {"resize": "squash", "resolution": 32, "class_map": "imagefolder"}),
        (INDICES, "npz", {"learned_lr": 0.1, "distillation_flops": 1e9}),
    ],
)
def test_fields_that_matter_are_not(imported: Imported, format: str, given: dict[str, object]) -> None:
    assert warnings(imported, format, **given) == []
