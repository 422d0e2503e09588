"""Accuracies by class: whose they are, which are shown, and the paper's beside them."""

from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from api_schemas.class_accuracies import class_accuracies, shown_classes
from api_schemas.class_tables import class_tables
from api_schemas.evaluation import Evaluation, EvaluationRow, PaperClass, Report, TrialRow
from api_schemas.report_inputs import ReportInput

SET, PLAIN = "ds_" + "0" * 26, "ds_" + "1" * 26
Model = TypeVar("Model", bound=BaseModel)


def part(model: type[Model], **fields: Any) -> Model:
    """A model with the fields that the tables take."""
    return model.model_construct(**fields)


def row(arm: str, architecture: str, *trials: list[float | None], **changed: Any) -> EvaluationRow:
    made = [part(TrialRow, per_class_accuracy=classes) for classes in trials]
    about: dict[str, Any] = {"dataset": SET, "arm": arm, "architecture": architecture, "in_summary": True} | changed
    return part(EvaluationRow, trials=made, **about)


def report(rows: list[EvaluationRow], names: list[str], paper: list[PaperClass] | None = None) -> Report:
    source = part(ReportInput, id=PLAIN, name="real", role="source", class_names=names)
    return part(Report, evaluation=part(Evaluation, rows=rows), inputs=[source], paper_classes=paper or [])


ROWS = [
    row("baseline", "ViT", [10.0, None, 50.0], [30.0, None, 50.0]),
    row("ladd", "ViT", [40.0, None, 30.0], [60.0, None, 30.0]),
    row("baseline", "VGG11", [40.0, None, 0.0]),
    row("ladd", "VGG11", [40.0, None, 0.0]),
]


def test_a_class_has_the_mean_over_trials_and_then_over_architectures() -> None:
    (table,) = class_tables(report(ROWS, ["tench", "church", "dog"]))
    assert table.title == f"Accuracy by class in %, mean over trials and architectures, {SET}"
    assert table.header == ["class", "baseline", "LADD", "difference"]
    # (20 + 40) / 2, not the mean of three trials; no line for the class without test images.
    assert table.rows == [["tench", "30.0", "45.0", "+15.0"], ["dog", "25.0", "15.0", "-10.0"]]


def test_what_one_of_the_arms_lacks_is_left_out() -> None:
    others = [
        row("ladd", "AlexNet", [99.0, None, 99.0]),
        row("ladd", "ViT", [99.0, None, 99.0], in_summary=False),
        row("baseline", "ViT", [99.0], dataset=PLAIN),
    ]
    evaluation = part(Evaluation, rows=[*ROWS[:2], *others])
    assert {dataset: [each.ladd for each in found] for dataset, found in class_accuracies(evaluation).items()} == {
        SET: [50.0, 30.0]
    }


@pytest.mark.parametrize(("count", "labels"), [(20, list(range(20))), (30, [*range(29, 19, -1), *range(9, -1, -1)])])
def test_of_many_classes_those_that_change_most_are_shown(count: int, labels: list[int]) -> None:
    gains: list[float | None] = [float(label) for label in range(count)]
    rows = [row("baseline", "ViT", [0.0] * count), row("ladd", "ViT", gains)]
    (found,) = class_accuracies(part(Evaluation, rows=rows)).values()
    assert [each.label for each in shown_classes(found)] == labels
    (table,) = class_tables(report(rows, []))
    assert ("of 30 classes the ten that gain and the ten that lose most" in table.title) == (count == 30)
    assert table.rows[0][0] == f"class {labels[0]}"


def test_the_papers_hard_classes_stand_beside_ours() -> None:
    paper = [
        part(PaperClass, dataset=SET, label=2, arm=arm, accuracy=accuracy, source="GLaD-MTT (section 4.4)")
        for arm, accuracy in (("baseline", 32.0), ("ladd", 56.0))
    ]
    _, beside = class_tables(report(ROWS, ["tench", "church", "chain saw"], paper))
    assert beside.title.startswith("Beside the paper: hard classes")
    assert beside.title.endswith(f"GLaD-MTT (section 4.4), {SET}")
    assert (beside.header, beside.rows, beside.muted) == (
        ["class", "here", "paper"],
        [["chain saw", "25.0 to 15.0", "32 to 56"]],
        2,
    )
