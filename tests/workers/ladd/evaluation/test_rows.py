"""Trials become rows, rows become k-CAE."""

from typing import Any

import pytest

from api_schemas.evaluation import EvaluationRow
from workers.ladd.evaluation.rows import accuracies, cae, merge_trials
from workers.ladd.evaluation.statistics import summarize

SET, OTHER = "ds_" + "0" * 26, "ds_" + "1" * 26


def result(number: int = 0, accuracy: float = 50.0, views: str = "full", **changed: Any) -> dict[str, Any]:
    recipe = {"views": views, "lr": 0.01, "micro_batch": changed.pop("micro_batch", 8)}
    row = {"dataset": SET, "arm": "ladd", "architecture": "ViT", "epochs": 3, "steps": 6, "forwards": 60}
    row |= {"labels": "hard", "images_seen": 30}
    trial = {"trial": number, "accuracy": accuracy, "seconds": 1.5, "losses": [1.0], "seed": number}
    trial |= {"per_class_accuracy": [], "correct": "", "grad_cam": None, "peak_bytes": 1, "predicted_peak_bytes": 1}
    return row | {"flops": 10, "recipe": recipe, "rule": "last epoch", "trial": trial} | changed


def test_trials_of_a_row_come_together_in_their_order() -> None:
    given = [result(2, 53.0), result(0, 50.0), result(1, 51.0)]
    (row,) = merge_trials(given)
    assert [trial.trial for trial in row.trials] == [0, 1, 2]
    assert row.trials[0].model_dump(exclude_unset=True) == given[1]["trial"]
    assert accuracies(row) == [50.0, 51.0, 53.0]
    assert (row.mean, row.std, row.ci95) == summarize([50.0, 51.0, 53.0])
    assert (row.flops, row.seconds) == (30, 4.5)
    assert (row.steps, row.forwards, row.recipe) == (6, 60, given[0]["recipe"])


def test_set_arm_architecture_and_views_make_rows_of_their_own() -> None:
    one = result()
    others = [result(dataset=OTHER), result(arm="baseline"), result(architecture="VGG11"), result(views="pool")]
    rows = merge_trials([one, *others])
    assert [(row.dataset, row.arm, row.architecture, row.recipe["views"]) for row in rows] == [
        (SET, "ladd", "ViT", "full"),
        (OTHER, "ladd", "ViT", "full"),
        (SET, "baseline", "ViT", "full"),
        (SET, "ladd", "VGG11", "full"),
        (SET, "ladd", "ViT", "pool"),
    ]


def test_a_confirmed_row_is_quoted_in_the_place_of_the_cheap_one() -> None:
    rows = merge_trials(
        [result(views="sampled:1"), result(views="sampled:1", architecture="VGG11"), result(views="full")]
    )
    assert [row.in_summary for row in rows] == [False, True, True]


def test_of_several_numbers_of_epochs_the_most_is_quoted() -> None:
    rows = merge_trials([result(epochs=10), result(epochs=100), result(1, epochs=10), result(arm="baseline", epochs=9)])
    assert [(row.arm, row.epochs, len(row.trials), row.in_summary) for row in rows] == [
        ("ladd", 10, 2, False),
        ("ladd", 100, 1, True),
        ("baseline", 9, 1, True),
    ]


def test_what_differs_between_trials_of_unlike_machines_is_said_by_trial() -> None:
    (row,) = merge_trials([result(1, micro_batch=256), result(0, micro_batch=8)])
    assert row.recipe == {"views": "full", "lr": 0.01, "micro_batch": [8, 256]}


def test_trials_of_an_earlier_version_lack_what_came_later() -> None:
    old, new = result(0), result(1)
    new["recipe"]["view_weight"] = 25.0
    for given in ([old, new], [new, old]):
        (row,) = merge_trials(given)
        assert row.recipe == new["recipe"]


def test_a_trial_cannot_count_twice() -> None:
    with pytest.raises(ValueError, match=r"different numbers; got \[0, 0\]"):
        merge_trials([result(), result()])


def test_no_trials_make_no_rows() -> None:
    assert merge_trials([]) == []


def row_of(**fields: Any) -> EvaluationRow:
    return EvaluationRow.model_construct(dataset=SET, **fields)


def test_cae_is_the_mean_of_means_with_the_mean_of_stds() -> None:
    rows = [
        row_of(arm="ladd", architecture=name, mean=mean, std=std)
        for name, mean, std in (("ConvNetD5", 60.0, 1.0), ("AlexNet", 50.0, 2.0), ("ViT", 40.0, 0.9))
    ]
    assert cae(rows).model_dump() == {
        "dataset": SET,
        "arm": "ladd",
        "k": 3,
        "architectures": ["ConvNetD5", "AlexNet", "ViT"],
        "cae_mean": 50.0,
        "cae_std": pytest.approx(1.3),
    }


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "one arm; got no rows"),
        ([("ladd", "ViT"), ("baseline", "VGG11")], "one arm; got baseline, ladd"),
        ([("ladd", "ViT"), ("ladd", "ViT")], "another architecture; got ViT, ViT"),
    ],
)
def test_cae_of_rows_that_do_not_belong_together_is_refused(rows: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cae([row_of(arm=arm, architecture=name, mean=1.0, std=0.0) for arm, name in rows])
