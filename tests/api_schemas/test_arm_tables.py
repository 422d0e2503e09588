"""The text of tables about arms: the weight of the views, comparisons of two arms, scores."""

from typing import Any

import pytest

from api_schemas.evaluation import Report
from api_schemas.report_tables import tables
from api_schemas.scores import Score
from tests.api_schemas.test_report_tables import EVALUATION, FLOPS, SET, comparison, of, row


@pytest.mark.parametrize(
    ("recipe", "shown"),
    [
        ({"reduction": "mean", "view_weight": 1.0}, "mean"),
        ({"reduction": "sum"}, "sum"),
        ({"view_weight": 2.5}, "2.5"),
        ({"view_weight": None}, "-"),
        ({}, "-"),
    ],
)
def test_the_weight_of_the_views_is_shown_by_its_name_or_its_number(recipe: dict[str, Any], shown: str) -> None:
    weighed = row("ladd", "ViT", 50.0, 0.0, 100).model_copy(update={"recipe": {"views": "full"} | recipe})
    protocol = of(EVALUATION.model_copy(update={"rows": [weighed], "summary": [], "comparisons": []}))[-1]
    assert [line[protocol.header.index("view weight")] for line in protocol.rows] == [shown]


def test_a_comparison_names_both_arms() -> None:
    other = comparison(None, 4.0, "better", 0.01).model_copy(update={"minus": "random_ladd"})
    compared = EVALUATION.model_copy(update={"comparisons": [*EVALUATION.comparisons, other]})
    assert [line[0] for line in of(compared)[1].rows] == ["LADD minus baseline"] * len(EVALUATION.comparisons) + [
        "LADD minus random_ladd"
    ]


def test_scores_are_shown_with_what_went_in() -> None:
    accuracies = {"ladd": 60.0, "random_ladd": 56.0, "real": 80.0, "baseline": 50.0}
    score = Score(dataset=SET, arm="ladd", name="LRS", architecture="ViT", score=0.217076, accuracies=accuracies)
    scores = [score, score.model_copy(update={"architecture": None})]
    model: Any = Report
    table = tables(
        model.model_construct(
            evaluation=None, storage=None, flops=FLOPS, cost=None, points=[], paper=[], inputs=[], scores=scores
        )
    )[-1]
    assert table.title == f"Scores of DD-Ranking, {SET}"
    numbers = ["0.217", "LADD 60.00, random_ladd 56.00, real 80.00, baseline 50.00"]
    assert table.rows == [["LRS of LADD", "ViT", *numbers], ["LRS of LADD", "mean", *numbers]]
