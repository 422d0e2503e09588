"""The measurements of a job as tables of text: the terminal, Markdown and HTML only lay them out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any

from api_schemas.arms import ArmName
from api_schemas.cells import PETA, arm_title, spread
from api_schemas.class_tables import class_tables
from api_schemas.cost import Cost, CostName, CostParts, JobCost
from api_schemas.curve_table import curve_tables
from api_schemas.evaluation import Evaluation, EvaluationRow, FlopCount, Report
from api_schemas.paper_tables import paper_tables
from api_schemas.report_inputs import names_of
from api_schemas.scores import Score
from api_schemas.storage import Storage
from api_schemas.table import Table
from method.arms import ARMS, BASELINE, LADD
from method.normalizations import name_of
from method.precisions import arithmetic_in_words
from method.views import weight_in_words

_COMPARED = {BASELINE, LADD}


def tables(report: Report, *, intervals: bool = True) -> list[Table]:
    """Return the tables of a report, those it has nothing for left out.

    `intervals`: accuracies with the 95 % interval of their mean, which a terminal has no room for.
    """
    found = [
        _sweep(report),
        *measured(report.evaluation, report.storage, report.flops, report.cost, intervals=intervals),
        *_scores(report.scores),
        *curve_tables(report.evaluation),
        *class_tables(report),
        *paper_tables(report),
    ]
    return [_named(table, names_of(report.inputs)) for table in found if table.rows]


def _named(table: Table, names: Mapping[str, str]) -> Table:
    """Return the table with names in its title in the place of ids."""
    title = table.title
    for id, name in names.items():
        title = title.replace(id, name)
    return replace(table, title=title)


def measured(
    evaluation: Evaluation | None,
    storage: Storage | None,
    flops: FlopCount | None,
    cost: JobCost | None,
    *,
    intervals: bool,
) -> list[Table]:
    """Return the tables of all that was measured, what is absent left out."""
    found = [
        *(_evaluation(evaluation, intervals) if evaluation else ()),
        *((_storage(storage), _encodings(storage)) if storage else ()),
        *((_flops(flops),) if flops else ()),
        *((_cost(cost),) if cost else ()),
    ]
    return [table for table in found if table.rows]


def ran_on(report: Report) -> str:
    """Return the machine and the versions of what ran on it."""
    return f"{report.hardware}; {', '.join(f'{name} {version}' for name, version in report.versions.items())}"


def predicted_cost(predicted: CostParts) -> str:
    """Return what a job is predicted to cost, in one line."""
    parts = [f"{_part_title(part)} {_cost_text(cost)}" for part in CostName if (cost := getattr(predicted, part))]
    return f"predicted cost: {'; '.join(parts)}"


def predicted_seconds(predicted: CostParts) -> tuple[float, float] | None:
    """Return the least and the most device time of a whole job; None where it was predicted before there were ranges.

    It is (0, 0) for a job with nothing to compute.
    """
    parts = [cost for part in CostName if (cost := getattr(predicted, part)) is not None and cost.flops]
    ranges = [cost.seconds_range for cost in parts if cost.seconds_range is not None]
    if len(ranges) < len(parts):
        return None
    return sum(least for least, _ in ranges), sum(most for _, most in ranges)


def clock(seconds: float) -> str:
    """Return seconds as `4.2 s`, `3 min 07 s`, `2 h 05 min` or, from two days on, `49 days`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
    if seconds < 2 * 86_400:
        return f"{int(seconds) // 3600} h {int(seconds) % 3600 // 60:02d} min"
    return f"{seconds / 86_400:,.0f} days"


def span(least: float, most: float) -> str:
    """Return a range of seconds: `29.3 s to 3 min 40 s`."""
    return f"{clock(least)} to {clock(most)}"


def _sweep(report: Report) -> Table:
    """One line for each point: what it labelled with, and the k-CAE of its arms."""
    summary = report.evaluation.summary if report.evaluation else []
    sets = {point.dataset for point in report.points}
    arms = _in_order(found.arm for found in summary if found.dataset in sets)
    cae = {(found.dataset, found.arm): spread(found.cae_mean, found.cae_std) for found in summary}
    rows = [
        [
            f"N {point.n}, R {point.ratio:g}, epoch {point.epoch}",
            *(cae.get((point.dataset, arm), "-") for arm in arms),
            "-" if point.labeler_val_accuracy is None else f"{point.labeler_val_accuracy:.1f}",
            "-" if point.labeler_mean_entropy is None else f"{point.labeler_mean_entropy:.2f}",
            f"{point.agreement:.0f}",
            f"{point.overhead:+.1%}",
        ]
        for point in report.points
    ]
    caes = (f"{arm_title(arm)}, k-CAE" for arm in arms)
    return Table("Sweep", ["point", *caes, "labeler val %", "entropy", "agreement %", "overhead"], rows)


def _evaluation(evaluation: Evaluation, intervals: bool) -> Iterator[Table]:
    for dataset in dict.fromkeys(row.dataset for row in evaluation.rows):
        yield _accuracies(evaluation, dataset, intervals)
        yield _comparisons(evaluation, dataset)
    yield _protocol(evaluation.rows)


def _accuracies(evaluation: Evaluation, dataset: str, intervals: bool) -> Table:
    """Architectures down, arms across, what LADD gains beside them, the k-CAE last.

    Where an arm has several rows for an architecture (progressive views), the one of the summary is shown, and the
    policy it was trained with.
    """
    rows = [row for row in evaluation.rows if row.dataset == dataset and row.in_summary]
    arms = _in_order(row.arm for row in rows)
    found = {(row.architecture, row.arm): row for row in rows}
    policies = {row.recipe.get("views") for row in rows if row.arm == LADD}
    lines = []
    for architecture in dict.fromkeys(row.architecture for row in rows):
        of_arms = {arm: found[architecture, arm] for arm in arms if (architecture, arm) in found}
        cells = [_accuracy(of_arms[arm], intervals) if arm in of_arms else "-" for arm in arms]
        gain = _difference({arm: row.mean for arm, row in of_arms.items()})
        views = str(of_arms[LADD].recipe["views"]) if LADD in of_arms else "-"
        lines.append([architecture, *cells, gain, views])
    summaries = {summary.arm: summary for summary in evaluation.summary if summary.dataset == dataset}
    if summaries:
        k = max(summary.k for summary in summaries.values())
        cells = [spread(summaries[arm].cae_mean, summaries[arm].cae_std) if arm in summaries else "-" for arm in arms]
        gain = _difference({arm: summary.cae_mean for arm, summary in summaries.items()})
        lines.append([f"{k}-CAE", *cells, gain, ""])
    header = ["architecture", *(arm_title(arm) for arm in arms), "difference", "views"]
    shown = [True] * (1 + len(arms)) + [set(arms) >= _COMPARED, len(policies) > 1]
    title = f"Accuracy in % on {evaluation.test_images:,} real test images after the last epoch, {dataset}"
    header, *lines = (list(compress(cells, shown)) for cells in (header, *lines))
    return Table(title, header, lines)


def _in_order(arms: Iterator[ArmName]) -> list[ArmName]:
    present = set(arms)
    return [arm for arm in ARMS if arm in present] + sorted(present - set(ARMS))


def _accuracy(row: EvaluationRow, interval: bool) -> str:
    bounds = f"{row.ci95[0]:.2f}, {row.ci95[1]:.2f}" if row.ci95 else "too few trials"
    return f"{spread(row.mean, row.std)}{f' [{bounds}]' if interval else ''}"


def _difference(means: Mapping[ArmName, float]) -> str:
    return f"{means[LADD] - means[BASELINE]:+.2f}" if set(means) >= _COMPARED else "-"


def _comparisons(evaluation: Evaluation, dataset: str) -> Table:
    """Each arm minus the baseline of its set, or another arm; the interval covers trials and test images.

    The column of p values explains a verdict of no evidence beside an interval that leaves out 0.
    """
    rows = [
        [
            f"{arm_title(found.arm)} minus {arm_title(found.minus)}",
            found.architecture or "CAE",
            f"{found.difference:+.2f}",
            "{:+.2f} to {:+.2f}".format(*found.ci95) if found.ci95 else "-",
            "-" if found.adjusted_p is None else f"{found.adjusted_p:.2g}" if found.adjusted_p >= 1e-4 else "< 0.0001",
            found.verdict,
        ]
        for found in evaluation.comparisons
        if found.dataset == dataset
    ]
    header = ["arms", "architecture", "difference", "95 % interval", "adjusted p", "verdict"]
    return Table(f"Differences in points, {dataset}", header, rows)


def _protocol(rows: Sequence[EvaluationRow]) -> Table:
    """The settings behind the rows: one line for each combination that occurs."""
    forwards: dict[tuple[str, ...], set[int]] = {}
    for row in rows:
        name, views, precision = (str(row.recipe.get(field, "-")) for field in ("name", "views", "precision"))
        recipe = [name, views, weight_in_words(row.recipe), precision, normalizations_in_words(row.recipe)]
        computed_in = arithmetic_in_words(row.recipe)
        settings = (arm_title(row.arm), *recipe, computed_in, f"{row.epochs:,}", str(len(row.trials)))
        forwards.setdefault(settings, set()).add(row.forwards)
    lines = [[*settings, " / ".join(f"{n:,}" for n in sorted(forwards[settings]))] for settings in sorted(forwards)]
    header = [
        "arm",
        "recipe",
        "views",
        "view weight",
        "precision",
        "normalised by",
        "computed in",
        "epochs",
        "trials",
        "forwards",
    ]
    return Table(
        "Protocol; ± is the population std over trials, forwards are images and views of a trial", header, lines
    )


def normalizations_in_words(recipe: Mapping[str, Any]) -> str:
    """Return the statistics of training images, and of test images and the labeler's where they are others."""
    found = recipe.get("normalization")
    if not isinstance(found, dict):
        return "-"
    words = {"": _statistics(found["training"]), "test ": _statistics(found["test"])}
    words |= {"labeler ": " and ".join(dict.fromkeys(_statistics(each) for each in found["labeler"] or ()))}
    others = [f"{of}{word}" for of, word in words.items() if not of or word not in ("", words[""])]
    return ", ".join(others)


def _statistics(of: Mapping[str, Sequence[float]]) -> str:
    """Return their name, else mean and standard deviation by channel."""
    numbers = (" ".join(f"{value:.3g}" for value in of[field]) for field in ("mean", "std"))
    return name_of(of["mean"], of["std"]) or " / ".join(numbers)


def _storage(storage: Storage) -> Table:
    counts = {
        "zipped, as the paper counts": storage.paper,
        "the same, not zipped": storage.raw,
        f"as stored here ({storage.encoding})": storage.stored,
    }
    if storage.plus is not None:
        counts["zipped, one image more per class instead"] = storage.plus
    rows = [
        [name, f"{count.plain_bytes:,}", f"{count.augmented_bytes:,}", f"{count.overhead:+.2%}"]
        for name, count in counts.items()
    ]
    rows.append(["soft labels of whole images besides", "-", f"{storage.full_labels_bytes:,}", "-"])
    return Table("Storage", ["counted", "plain bytes", "augmented bytes", "overhead"], rows)


def _encodings(storage: Storage) -> Table:
    rows = [
        [
            cost.encoding,
            f"{cost.bytes:,}",
            f"{cost.overhead_raw:+.2%}",
            f"{cost.overhead_zipped:+.2%}",
            f"{cost.overhead_jpeg:+.2%}",
            f"{cost.kl:.2g}",
            f"{cost.total_variation:.2g}",
        ]
        for cost in storage.encodings
    ]
    header = ["encoding", "bytes, zipped", "on raw images", "on zipped", "on JPEG", "KL to float32", "total variation"]
    return Table("Encodings of the dense labels", header, rows)


def _flops(flops: FlopCount) -> Table:
    parts = {
        "labelling": flops.labelling,
        "labeler training": flops.labeler_training,
        "deployment (all arms and trials)": flops.deployment,
    }
    rows = [[name, f"{count / PETA:.3g}"] for name, count in parts.items() if count is not None]
    return Table("FLOPs (1 multiply-add = 2)", ["part", "PFLOP"], rows)


def _cost(cost: JobCost) -> Table:
    rows = [
        [_part_title(part), _cost_text(predicted), _cost_text(getattr(cost.counted, part))]
        for part in CostName
        if (predicted := getattr(cost.predicted, part))
    ]
    return Table("Cost", ["part", "predicted", "counted"], rows)


def _part_title(part: CostName) -> str:
    return part.replace("_", " ")


def _cost_text(cost: Cost | None) -> str:
    """FLOPs, bytes left in the storage, and the time that devices were held."""
    if cost is None:
        return "-"
    if cost.seconds_range is not None:
        held = f"{span(*cost.seconds_range)} ({cost.basis})"
    else:
        held = "not known yet" if cost.seconds is None else clock(cost.seconds)
    return f"{cost.flops / PETA:.3g} PFLOP, {cost.bytes / 2**20:,.1f} MiB, device time {held}"


def _scores(scores: Sequence[Score]) -> Iterator[Table]:
    """Each score of a set by architecture, with the accuracies that went in; the mean over architectures last."""
    for dataset in dict.fromkeys(score.dataset for score in scores):
        rows = [
            [
                f"{score.name} of {arm_title(score.arm)}",
                score.architecture or "mean",
                f"{score.score:.3f}",
                ", ".join(f"{arm_title(arm)} {accuracy:.2f}" for arm, accuracy in score.accuracies.items()),
            ]
            for score in scores
            if score.dataset == dataset
        ]
        header = ["score", "architecture", "value", "accuracies in %"]
        yield Table(f"Scores of DD-Ranking, {dataset}", header, rows)
