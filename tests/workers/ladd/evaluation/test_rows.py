from typing import Any

import pytest

from workers.ladd.evaluation.rows import accuracies, merge_trials
from workers.ladd.evaluation.statistics import summarize


def result(number: int = 0, accuracy: float = 50.0, views: str = "full", **changed: Any) -> dict[str, Any]:
    recipe = {"views": views, "lr": 0.01, "micro_batch": changed.pop("micro_batch", 8)}
    row = {"dataset": "ds", "arm": "ladd", "architecture": "ViT", "epochs": 3, "steps": 6, "forwards": 60}
    trial = {"trial": number, "accuracy": accuracy, "seconds": 1.5, "losses": [1.0]}
    return row | {"flops": 10, "recipe": recipe, "rule": "last epoch", "trial": trial} | changed


def test_trials_of_a_row_come_together_in_their_order() -> None:
    given = [result(2, 53.0), result(0, 50.0), result(1, 51.0)]
    (row,) = merge_trials(given)
    assert [trial["trial"] for trial in row["trials"]] == [0, 1, 2]
    assert row["trials"][0] == given[1]["trial"]
    assert accuracies(row) == [50.0, 51.0, 53.0]
    assert {key: row[key] for key in ("mean", "std", "ci95")} == summarize([50.0, 51.0, 53.0])
    assert (row["flops"], row["seconds"]) == (30, 4.5)
    assert (row["steps"], row["forwards"], row["recipe"]) == (6, 60, given[0]["recipe"])
    assert "trial" not in row


def test_set_arm_architecture_and_views_make_rows_of_their_own() -> None:
    one = result()
    others = [result(dataset="ds2"), result(arm="baseline"), result(architecture="VGG11"), result(views="pool")]
    rows = merge_trials([one, *others])
    assert [(row["dataset"], row["arm"], row["architecture"], row["recipe"]["views"]) for row in rows] == [
        ("ds", "ladd", "ViT", "full"),
        ("ds2", "ladd", "ViT", "full"),
        ("ds", "baseline", "ViT", "full"),
        ("ds", "ladd", "VGG11", "full"),
        ("ds", "ladd", "ViT", "pool"),
    ]


def test_a_confirmed_row_is_quoted_in_the_place_of_the_cheap_one() -> None:
    rows = merge_trials(
        [result(views="sampled:1"), result(views="sampled:1", architecture="VGG11"), result(views="full")]
    )
    assert [row["in_summary"] for row in rows] == [False, True, True]


def test_what_differs_between_trials_of_unlike_machines_is_said_by_trial() -> None:
    (row,) = merge_trials([result(1, micro_batch=256), result(0, micro_batch=8)])
    assert row["recipe"] == {"views": "full", "lr": 0.01, "micro_batch": [8, 256]}


def test_a_trial_cannot_count_twice() -> None:
    with pytest.raises(ValueError, match=r"different numbers; got \[0, 0\]"):
        merge_trials([result(), result()])


def test_no_trials_make_no_rows() -> None:
    assert merge_trials([]) == []
