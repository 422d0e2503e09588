"""Notes of a report on averages, weights and missing arms."""

from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from api_schemas.evaluation import EvaluationRow
from workers.runner.protocol_notes import arm_notes, protocol_notes

SUGGESTED = "How much of an accuracy is due to the distilled images is open"

Model = TypeVar("Model", bound=BaseModel)


def part(model: type[Model], **fields: Any) -> Model:
    """A model of these fields alone."""
    return model.model_construct(**fields)


def row(arm: str, epochs: int = 1000, **recipe: Any) -> EvaluationRow:
    return part(
        EvaluationRow, arm=arm, epochs=epochs, recipe={"name": "glad", "views": "full", "epochs": epochs} | recipe
    )


@pytest.mark.parametrize(
    ("arms", "suggestion"),
    [
        (
            ["baseline", "ladd"],
            "add the arms random and random_ladd (in a job of kind ladd), trained on random real",
        ),
        (["baseline", "ladd", "random"], "add the arm random_ladd (in a job of kind ladd), trained"),
        (["baseline"], "add the arm random, trained"),
        (["baseline", "random"], None),
        (["baseline", "ladd", "random", "random_ladd"], None),
    ],
)
def test_arms_with_random_images_are_suggested_where_they_lack(arms: list[str], suggestion: str | None) -> None:
    notes = [note for note in arm_notes(arms) if note.startswith(SUGGESTED)]
    assert len(notes) == (suggestion is not None)
    assert not notes or suggestion in notes[0]  # type: ignore[operator]


def test_the_arms_that_scores_lack_are_named() -> None:
    (note,) = [note for note in arm_notes(["baseline", "ladd", "random", "random_ladd"]) if "DD-Ranking" in note]
    assert "LRS needs the arm real; ARS needs the arms baseline_noaug and random_noaug." in note
    complete = ["baseline", "ladd", "random", "random_ladd", "real", "baseline_noaug", "random_noaug"]
    assert arm_notes(complete) == []


def test_an_average_that_follows_the_epochs_is_told() -> None:
    rows = [
        row("baseline", 24, ema_beta=1 - 5 / 24),
        row("ladd", 24, ema_beta=1 - 5 / 24, reduction="mean"),
        row("real", 5, ema_beta=None),
    ]
    (note,) = [note for note in protocol_notes(rows) if "average" in note]
    assert note == (
        "The average of weights that is tested follows the epochs: recipe glad has beta 0.995 at 1,000 epochs, and for "
        "the same part of a shorter training beta 0.7917 at 24 epochs, none at 5 epochs."
    )


@pytest.mark.parametrize(
    "told",
    [
        row("baseline", ema_beta=0.995),
        # As an earlier version had it, and as a caller asked for it.
        row("baseline", 24, ema_beta=0.995),
        row("baseline", 24, ema_beta=0.9),
        row("baseline", 24, name="mtt", ema_beta=None),
        row("baseline", 24),
    ],
)
def test_an_average_that_does_not_is_not(told: EvaluationRow) -> None:
    assert not any("average" in note for note in protocol_notes([told]))


@pytest.mark.parametrize(
    ("recipe", "start"),
    [
        ({"reduction": "sum", "view_weight": 25.0}, "reduction 'sum' weighs"),
        ({"reduction": "sum"}, "reduction 'sum' weighs"),
        ({"view_weight": 5.0}, "view_weight 5 is not that of Eq. 5"),
        ({"reduction": "mean", "view_weight": 1.0}, None),
        ({"reduction": "sum", "views": "pool"}, None),
    ],
)
def test_a_weight_of_the_views_that_acts_like_a_learning_rate_is_told(
    recipe: dict[str, Any], start: str | None
) -> None:
    notes = [note for note in protocol_notes([row("ladd", **recipe)]) if "step size" in note]
    assert len(notes) == (start is not None)
    assert not notes or notes[0].startswith(start or "")
    # The baseline has no views.
    assert protocol_notes([row("baseline", **recipe)]) == []


@pytest.mark.parametrize(("arm", "notes"), [("full_soft", 1), ("online", 0)])
def test_stored_answers_that_are_re_tempered_are_told(arm: str, notes: int) -> None:
    found = [note for note in protocol_notes([row(arm, temperature=20.0)]) if "stored answers are re-tempered" in note]
    assert len(found) == notes


@pytest.mark.parametrize(
    ("labels_of", "ending"),
    [
        (["ds_1", "ds_2"], "contain the labeler's."),
        (["ds_1", "ds_2", "ds_1"], "are more alike than intervals suppose."),
    ],
)
def test_trials_that_take_turns_with_labelers_are_told(labels_of: list[str], ending: str) -> None:
    told = row("ladd", reduction="mean", labels_of=labels_of).model_copy(update={"trials": labels_of})
    (note,) = protocol_notes([told])
    assert note.startswith("Dense labels are those of 2 labelers that differ by seed")
    assert note.endswith(ending)
