"""The charts of a report, the same on the page and in the file for download."""

from collections.abc import Iterator
from typing import NamedTuple

from markupsafe import Markup

from api_schemas.evaluation import Comparison, Evaluation, Figure, Report
from api_schemas.report_inputs import names_of
from method.arms import ARMS, BASELINE
from service.http.charts.bars import bars
from service.http.charts.curves import curves
from service.http.charts.dots import Dot, dots
from service.http.charts.heat_map import heat_map

DRAWN_HERE = frozenset({"accuracy", "paired_differences", "per_class", "deployment_cost"})
"""Figures of a report that these charts stand for."""
CLASSES = 20
"""Bars by class at most."""


class Drawn(NamedTuple):
    """A chart with its caption."""

    caption: str
    chart: Markup


def charts_of(report: Report) -> list[Drawn]:
    """Return the charts that a report has numbers for."""
    return list(_charts(report))


def other_figures(report: Report) -> list[Figure]:
    """Return the figures of a report that no chart stands for."""
    return [figure for figure in report.figures if figure.name not in DRAWN_HERE]


def arm_kind(arm: str) -> str:
    """Return the class that colours an arm: LADD, baseline, or hollow for a control on other images."""
    views = ARMS[arm].views if arm in ARMS else None
    images = ARMS[arm].images if arm in ARMS else "own"
    return ("ladd" if views == "soft" else "") + (" control" if images != "own" else "")


def _charts(report: Report) -> Iterator[Drawn]:
    if report.evaluation is not None:
        yield from _of_evaluation(report, report.evaluation)
    if report.labelling is not None and report.labelling.agreement.confusion:
        names = next((each.class_names for each in report.inputs if each.role == "source"), [])
        confusion = report.labelling.agreement.confusion
        names = names if len(names) == len(confusion) else [str(label) for label in range(len(confusion))]
        chart = heat_map("Uploaded label (row) and the labeler's class (column)", confusion, names)
        yield Drawn("Where the labeler and the uploaded labels agree: images by class", chart)


def _of_evaluation(report: Report, evaluation: Evaluation) -> Iterator[Drawn]:
    names = names_of(report.inputs)
    for dataset in dict.fromkeys(row.dataset for row in evaluation.rows):
        own = [row for row in evaluation.rows if row.dataset == dataset and row.in_summary]
        of_set = names.get(dataset, dataset)
        lines = [
            Dot(f"{row.architecture}, {row.arm}", row.mean, accuracies(row.ci95), arm_kind(row.arm))
            for row in sorted(own, key=lambda row: row.architecture)
        ]
        if lines:
            yield Drawn(f"Accuracy on {of_set}, with 95 % intervals over trials", dots("Accuracy", "%", lines))
        compared = [found for found in evaluation.comparisons if found.dataset == dataset and found.minus == BASELINE]
        if compared:
            yield Drawn(
                f"Points more than the baseline on {of_set}, with 95 % intervals",
                dots("Difference", "points", [_difference(found) for found in compared], zero=True, signed=True),
            )
        costs = {
            arm: sorted((row.flops / len(row.trials) / 1e12, row.mean) for row in own if row.arm == arm)
            for arm in dict.fromkeys(row.arm for row in own)
        }
        kinds = {arm: arm_kind(arm) or arm for arm in costs}
        if len(own) > 2:
            yield Drawn(
                f"Accuracy against the cost of a training on {of_set}",
                curves("Accuracy", "TFLOP", "%", costs, kinds=kinds),
            )
        yield from _by_class(report, evaluation, dataset, of_set)


def _by_class(report: Report, evaluation: Evaluation, dataset: str, of_set: str) -> Iterator[Drawn]:
    """Yield bars by class for each arm, as the mean over architectures and trials; nothing beyond 20 classes."""
    names = next((each.class_names for each in report.inputs if each.role == "source"), [])
    for arm in dict.fromkeys(row.arm for row in evaluation.rows if row.dataset == dataset and row.in_summary):
        trials = [
            trial.per_class_accuracy
            for row in evaluation.rows
            if (row.dataset, row.arm) == (dataset, arm) and row.in_summary
            for trial in row.trials
        ]
        means = [_mean(values) for values in zip(*trials, strict=True)]
        if arm in ("baseline", "ladd") and 0 < len(means) <= CLASSES:
            named = [
                (names[label] if label < len(names) else str(label), value or 0.0, arm_kind(arm))
                for label, value in enumerate(means)
            ]
            yield Drawn(
                f"Accuracy by class of {arm} on {of_set}, %", bars(f"Accuracy by class, {arm}", named, 100.0, "{:.0f}")
            )


def _difference(found: Comparison) -> Dot:
    place = found.architecture or "mean of all"
    return Dot(f"{found.arm}, {place}", found.difference, _pair(found.ci95), arm_kind(found.arm))


def _pair(interval: list[float] | None) -> tuple[float, float] | None:
    return None if interval is None else (interval[0], interval[1])


def accuracies(interval: list[float] | None) -> tuple[float, float] | None:
    """Return an interval of accuracies as far as there are any: of few trials it may reach beyond."""
    return None if interval is None else (max(0.0, interval[0]), min(100.0, interval[1]))


def _mean(values: tuple[float | None, ...]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
