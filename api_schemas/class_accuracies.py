"""Accuracies by class of the baseline and of LADD, which a mean over all classes hides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from api_schemas.evaluation import Evaluation, EvaluationRow
from api_schemas.report_inputs import ReportInput
from method.arms import BASELINE, LADD

ALL_SHOWN = 20
"""Classes up to which all are shown; of more, those whose accuracy changes most."""
_EACH_WAY = 10


@dataclass(frozen=True)
class ClassAccuracy:
    """Of one class in percent: the mean over architectures of the mean over trials, as in a k-CAE."""

    label: int
    baseline: float
    ladd: float

    @property
    def difference(self) -> float:
        """LADD minus baseline, in points."""
        return self.ladd - self.baseline


def class_accuracies(evaluation: Evaluation) -> dict[str, list[ClassAccuracy]]:
    """Return {set: its classes by label} of the sets that both arms were trained on, over the architectures of both.

    A class without test images is left out.
    """
    quoted = {(row.dataset, row.arm, row.architecture): row for row in evaluation.rows if row.in_summary}
    found = {}
    for dataset in dict.fromkeys(place[0] for place in quoted):
        mine = [place[2] for place in quoted if place[:2] == (dataset, BASELINE)]
        both = [architecture for architecture in mine if (dataset, LADD, architecture) in quoted]
        arms = [_means([quoted[dataset, arm, each] for each in both]) for arm in (BASELINE, LADD)]
        rows = [
            ClassAccuracy(label, baseline, ladd)
            for label, (baseline, ladd) in enumerate(zip(*arms, strict=True))
            if baseline is not None and ladd is not None
        ]
        if rows:
            found[dataset] = rows
    return found


def shown_classes(found: Sequence[ClassAccuracy]) -> list[ClassAccuracy]:
    """Return all of up to 20 classes; of more, the ten that gain most and the ten that lose most, in this order."""
    if len(found) <= ALL_SHOWN:
        return list(found)
    by_gain = sorted(found, key=lambda each: each.difference, reverse=True)
    return by_gain[:_EACH_WAY] + by_gain[-_EACH_WAY:]


def class_names(inputs: Iterable[ReportInput]) -> list[str]:
    """Return the names of a report's classes by label, empty where they are not known."""
    return next((each.class_names for each in inputs if each.role == "source"), [])


def class_name(names: Sequence[str], label: int) -> str:
    """Return the name of a class among those known."""
    return names[label] if label < len(names) else f"class {label}"


def _means(rows: Sequence[EvaluationRow]) -> list[float | None]:
    """Return the accuracy of each class over rows and their trials; no class for no row."""
    by_row = [
        [_mean(trials) for trials in zip(*(t.per_class_accuracy for t in row.trials), strict=True)] for row in rows
    ]
    return [_mean(of_class) for of_class in zip(*by_row, strict=True)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
