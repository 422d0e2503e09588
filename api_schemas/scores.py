"""Scores of DD-Ranking, by which sets are told apart from what their labels and augmentation add."""

from typing import Literal

from api_schemas.arms import ShownArm
from api_schemas.base import DatasetId, Response
from api_schemas.labelers import ShownArchitecture

ScoreName = Literal["LRS", "ARS"]


class Score(Response):
    """A score (arXiv 2505.13300) of a set under one arm: between 0 and 1, larger is better.

    `LRS`, of `ladd` or `baseline`: what the set is worth whatever its labels add. `ARS`, of `baseline`: what it is
    worth whatever augmentation adds. `workers.ladd.evaluation.scores` has the formulas.
    """

    dataset: DatasetId
    arm: ShownArm
    name: ScoreName
    architecture: ShownArchitecture | None
    """Null: the mean of the scores of all architectures of the arm."""
    score: float
    accuracies: dict[ShownArm, float]
    """Accuracies that went in, in percent, by arm: means over trials, and over the architectures where that is null."""
