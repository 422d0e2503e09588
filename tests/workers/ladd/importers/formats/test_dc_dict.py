"""Result files of DC, DSA and DM."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from api_schemas.problems import Reason
from workers.ladd.importers import Imported

Saving = Callable[[str, object], Path]
Reading = Callable[..., Imported]
Refusal = Callable[..., Reason]


def content(experiments: int) -> dict[str, object]:
    """A file as DatasetCondensation saves it: experiment e holds images of value e."""
    return {
        "data": [[torch.full((4, 1, 8, 8), float(e)), torch.tensor([0, 0, 1, 1])] for e in range(experiments)],
        "accs_all_exps": {"ConvNet": [np.float64(0.42)] * experiments},
    }


def test_the_last_experiment_is_taken_and_said_to_be(saved: Saving, read: Reading) -> None:
    imported = read(saved("res_DC.pt", content(3)))
    assert imported.splits["all"].images.max() == 2
    assert imported.splits["all"].labels.tolist() == [0, 0, 1, 1]
    [warning] = imported.warnings
    assert "last of 3 experiments" in warning


def test_another_experiment_can_be_named(saved: Saving, read: Reading) -> None:
    imported = read(saved("res_DC.pt", content(3)), experiment=1, format="dsa")
    assert imported.splits["all"].images.max() == 1
    assert not imported.warnings


@pytest.mark.parametrize(
    ("name", "format"),
    [("res_DC_CIFAR10_ConvNet_1ipc.pt", "dc"), ("res_DSA_SVHN_ConvNet_10ipc.pt", "dsa"), ("mine.pt", None)],
)
def test_the_name_tells_the_method(saved: Saving, read: Reading, name: str, format: str | None) -> None:
    assert read(saved(name, content(1))).format == format


def test_a_single_experiment_needs_no_warning(saved: Saving, read: Reading) -> None:
    assert not read(saved("res_DC.pt", content(1))).warnings


def test_an_experiment_that_is_not_there_is_refused(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("res_DC.pt", content(3)), experiment=3)
    assert reason.rule == "experiment_exists"
    assert (reason.location, reason.value) == ("metadata.experiment", "3")


@pytest.mark.parametrize(
    "broken",
    [{"data": []}, {"data": [torch.zeros(3)]}, {"data": [[torch.zeros(3)]]}, {"data": "text"}, [1], {"other": 1}],
    ids=str,
)
def test_other_layouts_are_refused(saved: Saving, refused: Refusal, broken: object) -> None:
    assert refused(saved("res.pt", broken), format="dc").rule == "dc_layout"


def test_more_than_one_file_is_refused(saved: Saving, refused: Refusal) -> None:
    assert refused(saved("a.pt", content(1)), saved("b.pt", content(1)), format="dc").rule == "dc_layout"


def test_a_source_set_cannot_be_a_dict(saved: Saving, refused: Refusal) -> None:
    assert refused(saved("a.pt", content(1)), role="source").rule == "distilled_only"
