"""The numbers behind the figures, and that they can be drawn."""

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from pydantic import BaseModel

from api_schemas.evaluation import (
    Comparison,
    Evaluation,
    EvaluationRow,
    EvaluationSummary,
    GradCam,
    SweepPoint,
    TrialRow,
)
from api_schemas.labelers import Labeler, LabelerEpoch
from api_schemas.labelling import ExampleAnswers
from api_schemas.report_inputs import ReportInput
from workers.ladd.figures import FIGURES
from workers.ladd.figures.found import Found, Preparation

Model = TypeVar("Model", bound=BaseModel)


def part(model: type[Model], **fields: Any) -> Model:
    """A model with the fields that a figure takes."""
    return model.model_construct(**fields)


POINTS = [
    part(SweepPoint, dataset=f"ds_{epoch}", n=5, ratio=0.625, epoch=epoch, labeler_val_accuracy=50.0 + epoch)
    for epoch in (1, 2)
]
SUMMARY = [
    part(EvaluationSummary, dataset=dataset, arm=arm, cae_mean=cae)
    for dataset, arm, cae in (("ds_1", "ladd", 45.0), ("ds_2", "ladd", 46.0), ("ds_a", "baseline", 40.0))
]
CAM = GradCam(images=[5, 2], classes=[0, 1], maps=[[[0.0, 1.0], [0.5, 0.25]]] * 2)
PIXELS = np.arange(6 * 16 * 16).astype(np.uint8).reshape(6, 16, 16, 1)
LABELER = part(
    Labeler,
    epochs=[
        part(LabelerEpoch, epoch=1, train_accuracy=30.0, val_accuracy=25.0, mean_entropy=1.5, train_loss=2.0),
        part(LabelerEpoch, epoch=2, train_accuracy=50.0, val_accuracy=40.0, mean_entropy=0.9, train_loss=1.0),
    ],
)


def row(arm: str, architecture: str, mean: float, dataset: str = "ds_a", **changed: Any) -> EvaluationRow:
    return part(
        EvaluationRow,
        **{
            "dataset": dataset,
            "arm": arm,
            "architecture": architecture,
            "mean": mean,
            "ci95": [mean - 1, mean + 1],
            "trials": [
                part(TrialRow, grad_cam=CAM, per_class_accuracy=[mean, 0.0]),
                part(TrialRow, grad_cam=None, per_class_accuracy=[mean + 2, 0.0]),
            ],
            "flops": 4 * 10**9,
            "epochs": 10,
            "recipe": {"views": "full"},
            "in_summary": True,
            **changed,
        },
    )


def found(
    rows: list[EvaluationRow],
    summary: list[EvaluationSummary] | None = None,
    comparisons: list[Comparison] | None = None,
    **others: Any,
) -> Found:
    return Found(part(Evaluation, rows=rows, summary=summary or [], comparisons=comparisons or []), **others)


SPENT = [
    Preparation("ds_1", distillation=1e12, labelling=2 * 10**9, labeler_training=None),
    Preparation("ds_plus", distillation=3e12, labelling=None, labeler_training=None),
]
EXAMPLE = ExampleAnswers(
    image=0, label=1, classes=[0, 1], epochs=[10, 20], probabilities=[[0.375, 0.625], [0.0625, 0.9375]]
)
ROWS = [row("baseline", "ViT", 40.0), row("ladd", "ViT", 44.0, in_summary=False), row("ladd", "ViT", 45.0)]


def test_accuracy_shows_what_the_summary_quotes() -> None:
    data = FIGURES["accuracy"].collect(found(ROWS))
    assert data == {
        "architectures": ["ViT"],
        "series": {
            "baseline": {"ViT": {"mean": 40.0, "ci95": [39.0, 41.0]}},
            "ladd": {"ViT": {"mean": 45.0, "ci95": [44.0, 46.0]}},
        },
    }


def compared(architecture: str | None, difference: float, dataset: str = "ds_a") -> Comparison:
    ci95 = [difference - 2, difference + 2] if difference else None
    return part(
        Comparison,
        dataset=dataset,
        arm="ladd",
        architecture=architecture,
        difference=difference,
        ci95=ci95,
        verdict="better" if difference > 2 else "no evidence" if difference else "too few trials",
    )


def test_paired_differences_have_interval_and_verdict(tmp_path: Path) -> None:
    figure = FIGURES["paired_differences"]
    comparisons = [compared("ViT", 5.0), compared("VGG11", 0.0), compared(None, 1.0)]
    several = Found(part(Evaluation, rows=ROWS, summary=[], comparisons=comparisons))
    data = figure.collect(several)
    assert data == {
        "architectures": ["ViT", "VGG11", "CAE"],
        "series": {
            "ladd": {
                "ViT": {"difference": 5.0, "ci95": [3.0, 7.0], "verdict": "better"},
                "VGG11": {"difference": 0.0, "ci95": None, "verdict": "too few trials"},
                "CAE": {"difference": 1.0, "ci95": [-1.0, 3.0], "verdict": "no evidence"},
            }
        },
    }
    figure.write_png(data, several, tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as image:
        assert image.size == (960, 600)
    assert figure.collect(Found(part(Evaluation, rows=ROWS, summary=[], comparisons=[]))) is None


def test_accuracy_tells_several_sets_apart() -> None:
    data = FIGURES["accuracy"].collect(found([*ROWS, row("ladd", "ViT", 30.0, "ds_b")]))
    assert data is not None
    assert list(data["series"]) == ["baseline, ds_a", "ladd, ds_a", "ladd, ds_b"]


def test_classes_are_named_and_shown_for_both_arms() -> None:
    names = ReportInput(
        id="ds_s", name="real", role="source", made_here=False, warnings=[], classes=None, class_names=["tench", "dog"]
    )
    assert FIGURES["per_class"].collect(found(ROWS, inputs=[names])) == {
        "dataset": "ds_a",
        "classes": 2,
        "rows": [
            {"label": 0, "name": "tench", "baseline": 41.0, "ladd": 46.0},
            {"label": 1, "name": "dog", "baseline": 0.0, "ladd": 0.0},
        ],
    }
    assert FIGURES["per_class"].collect(found(ROWS[:1])) is None


def test_the_answers_to_an_example_have_the_names_of_the_classes() -> None:
    named = part(ReportInput, id="ds_s", name="real", role="source", class_names=["tench", "dog"])
    assert FIGURES["example_answers"].collect(found([], example=EXAMPLE, inputs=[named])) == {
        "image": 0,
        "label": 1,
        "classes": [0, 1],
        "epochs": [10, 20],
        "probabilities": [[0.375, 0.625], [0.0625, 0.9375]],
        "names": ["tench", "dog"],
    }


def test_dollar_signs_in_names_are_no_formulas(tmp_path: Path) -> None:
    named = part(ReportInput, id="ds_a", name="real", role="source", class_names=[r"$\nonsense$", "long " * 20])
    kind, everything = FIGURES["per_class"], found(ROWS, inputs=[named])
    data = kind.collect(everything)
    assert data is not None
    kind.write_png(data, everything, tmp_path / "figure.png")


def test_deployment_cost_is_that_of_one_trial() -> None:
    data = FIGURES["deployment_cost"].collect(found(ROWS))
    assert data is not None
    assert [(point["arm"], point["flops"], point["mean"]) for point in data["points"]] == [
        ("baseline", 2e9, 40.0),
        ("ladd", 2e9, 44.0),
        ("ladd", 2e9, 45.0),
    ]


def test_deployment_cost_is_a_curve_over_epochs() -> None:
    rows = [
        row(arm, "ViT", mean + epochs, epochs=epochs, flops=cost * epochs, in_summary=epochs == 8)
        for arm, mean, cost in (("baseline", 40.0, 10**9), ("ladd", 45.0, 2 * 10**9))
        for epochs in (8, 2, 4)
    ]
    kind, everything = FIGURES["deployment_cost"], found(rows)
    data = kind.collect(everything)
    assert data is not None
    assert [(point["arm"], point["epochs"], point["flops"]) for point in data["points"][:2]] == [
        ("baseline", 8, 4e9),
        ("baseline", 2, 1e9),
    ]
    figure = Figure()
    kind.draw(figure, data, everything)
    (axes,) = figure.axes
    assert [np.asarray(line.get_xdata()).tolist() for line in axes.get_lines()] == [[1e9, 2e9, 4e9], [2e9, 4e9, 8e9]]
    assert [np.asarray(line.get_ydata()).tolist() for line in axes.get_lines()] == [[42, 44, 48], [47, 49, 53]]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["baseline", "ladd"]


def test_deployment_cost_tells_sets_apart() -> None:
    rows = [row("ladd", "ViT", 40.0).model_copy(update={"dataset": dataset}) for dataset in ("ds_a", "ds_b")]
    named = [part(ReportInput, id=f"ds_{name}", name=f"set {name}", role="distilled") for name in "ab"]
    kind, everything = FIGURES["deployment_cost"], found(rows, inputs=named)
    data = kind.collect(everything)
    assert data is not None
    figure = Figure()
    kind.draw(figure, data, everything)
    (axes,) = figure.axes
    assert len({line.get_color() for line in axes.get_lines()}) == 2
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["ladd, set a", "ladd, set b"]


def test_preparation_is_paid_for_by_the_arms_that_use_the_labels() -> None:
    summary = [
        part(EvaluationSummary, dataset="ds_1", arm=arm, cae_mean=40.0)
        for arm in ("baseline", "sub_hard", "full_soft", "ladd")
    ]
    control = part(EvaluationSummary, dataset="ds_random", arm="random", cae_mean=30.0)
    plus = part(EvaluationSummary, dataset="ds_plus", arm="baseline_plus", cae_mean=42.0)
    data = FIGURES["preparation_cost"].collect(found([], [*summary, control, plus], preparations=SPENT))
    assert data is not None
    assert [(point["dataset"], point["arm"], point["flops"]) for point in data["points"]] == [
        ("ds_1", "baseline", 1e12),
        ("ds_1", "sub_hard", 1e12),
        ("ds_1", "full_soft", 1e12 + 2e9),
        ("ds_1", "ladd", 1e12 + 2e9),
        ("ds_plus", "baseline_plus", 3e12),
    ]


def test_nothing_to_show_is_no_figure() -> None:
    assert [kind.collect(Found()) for kind in FIGURES.values()] == [None] * len(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_equal_numbers_give_equal_pictures(name: str, tmp_path: Path) -> None:
    kind = FIGURES[name]
    everything = found(
        [*ROWS, row("ladd", "VGG11", 20.0, ci95=None)],
        SUMMARY,
        [compared("ViT", 5.0), compared(None, 1.0)],
        labelers=[LABELER],
        points=POINTS,
        preparations=SPENT,
        example=EXAMPLE,
        test_images=PIXELS,
    )
    data = kind.collect(everything)
    assert data is not None
    for path in (tmp_path / "one.png", tmp_path / "two.png"):
        kind.write_png(data, everything, path)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with Image.open(tmp_path / "one.png") as image:
        assert name == "grad_cam" or image.size == (960, 600)
        assert len(image.convert("L").getcolors() or []) > 20


def test_grad_cam_shows_the_rows_that_kept_it() -> None:
    kept = [row("ladd", "ViT", 45.0), row("baseline", "ViT", 40.0, trials=[part(TrialRow, grad_cam=None)])]
    assert FIGURES["grad_cam"].collect(found(kept, test_images=PIXELS)) == {
        "images": [5, 2],
        "classes": [0, 1],
        "panels": [{"dataset": "ds_a", "arm": "ladd", "architecture": "ViT", "maps": CAM.maps}],
    }
    assert FIGURES["grad_cam"].collect(found(kept)) is None


def test_a_sweep_shows_what_is_varied_and_the_plain_set_beside_it() -> None:
    data = FIGURES["sweep"].collect(found([], SUMMARY, points=POINTS))
    assert data == {
        "varied": ["epoch"],
        "points": [POINTS[0].model_dump() | {"cae": {"ladd": 45.0}}, POINTS[1].model_dump() | {"cae": {"ladd": 46.0}}],
        "plain": {"baseline": 40.0},
    }
