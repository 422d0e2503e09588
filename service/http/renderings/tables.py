"""What a report says, as tables of text: the common ground of the renderings for readers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from api_schemas.cost import CostName
from api_schemas.evaluation import ArmName, Evaluation, EvaluationRow, Report

_PETA = 1e15


@dataclass(frozen=True)
class Table:
    """Rows of cells under a header; the first column names the row."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    muted: int | None = None
    """The column of numbers that are not this report's own."""


def tables(report: Report) -> list[Table]:
    """Return the tables of a report, those it has nothing for left out."""
    found = [
        _sweep(report),
        *((*_accuracies(report.evaluation), _comparisons(report.evaluation)) if report.evaluation else ()),
        *_paper(report),
        _storage(report),
        _encodings(report),
        _cost(report),
        _protocol(report),
    ]
    return [table for table in found if table.rows]


def _sweep(report: Report) -> Table:
    """One line for each point: what it labelled with, and the k-CAE of its arms."""
    summary = report.evaluation.summary if report.evaluation else []
    sets = {point.dataset for point in report.points}
    arms = list(dict.fromkeys(found.arm for found in summary if found.dataset in sets))
    cae = {(found.dataset, found.arm): f"{found.cae_mean:.2f} ± {found.cae_std:.2f}" for found in summary}
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
    header = ["point", *(f"{arm}, k-CAE" for arm in arms), "labeler val %", "entropy", "agreement %", "overhead"]
    return Table("Sweep", header, rows)


def _accuracies(evaluation: Evaluation) -> Iterator[Table]:
    """One table per set: architectures down, arms across, the k-CAE last."""
    for dataset in dict.fromkeys(row.dataset for row in evaluation.rows):
        rows = [row for row in evaluation.rows if row.dataset == dataset and row.in_summary]
        arms = list(dict.fromkeys(row.arm for row in rows))
        cells = {(row.architecture, row.arm): _accuracy(row) for row in rows}
        lines = [
            [architecture, *(cells.get((architecture, arm), "-") for arm in arms)]
            for architecture in dict.fromkeys(row.architecture for row in rows)
        ]
        summaries = {summary.arm: summary for summary in evaluation.summary if summary.dataset == dataset}
        if summaries:
            k = max(summary.k for summary in summaries.values())
            caes = [
                f"{summaries[arm].cae_mean:.2f} ± {summaries[arm].cae_std:.2f}" if arm in summaries else "-"
                for arm in arms
            ]
            lines.append([f"{k}-CAE", *caes])
        title = f"Accuracy in % on {evaluation.test_images:,} real test images, {dataset}"
        yield Table(title, ["architecture", *arms], lines)


def _comparisons(evaluation: Evaluation) -> Table:
    """Each arm minus the baseline of its set; the interval covers trials and test images."""
    rows = [
        [
            f"{found.arm} minus baseline, {found.dataset}",
            found.architecture or "CAE",
            f"{found.difference:+.2f}",
            f"{found.ci95[0]:+.2f} to {found.ci95[1]:+.2f}",
            found.verdict,
        ]
        for found in evaluation.comparisons
    ]
    return Table(
        "Paired differences in points", ["arms", "architecture", "difference", "95 % interval", "verdict"], rows
    )


def _paper(report: Report) -> Iterator[Table]:
    """One table for each set that the paper has numbers of: arms down, and what LADD gains relative to the baseline."""
    summary = report.evaluation.summary if report.evaluation else []
    for dataset in dict.fromkeys(number.dataset for number in report.paper):
        theirs = {number.arm: number.cae_mean for number in report.paper if number.dataset == dataset}
        found = {each.arm: each for each in summary if each.dataset == dataset and each.arm in theirs}
        rows = [[arm, f"{each.cae_mean:.2f} ± {each.cae_std:.2f}", f"{theirs[arm]:.1f}"] for arm, each in found.items()]
        if {"baseline", "ladd"} <= set(found):
            ours = {arm: each.cae_mean for arm, each in found.items()}
            rows.append(["ladd relative to baseline", _relative_gain(ours), _relative_gain(theirs)])
        source = next(number.source for number in report.paper if number.dataset == dataset)
        k = max(each.k for each in found.values())
        yield Table(f"Beside the paper: {source}, {dataset}", ["arm", f"{k}-CAE here", "paper"], rows, muted=2)


def _relative_gain(cae: Mapping[ArmName, float]) -> str:
    """What the paper's Table 4 averages."""
    baseline = cae["baseline"]
    return f"{cae['ladd'] / baseline - 1:+.1%}" if baseline else "-"


def _accuracy(row: EvaluationRow) -> str:
    interval = f" [{row.ci95[0]:.2f}, {row.ci95[1]:.2f}]" if row.ci95 else ""
    return f"{row.mean:.2f} ± {row.std:.2f}{interval}"


def _storage(report: Report) -> Table:
    storage = report.storage
    counts = (
        {
            "zipped, as the paper counts": storage.paper,
            "the same, not zipped": storage.raw,
            f"as stored here ({storage.encoding})": storage.stored,
        }
        if storage
        else {}
    )
    rows = [
        [name, f"{count.plain_bytes:,}", f"{count.augmented_bytes:,}", f"{count.overhead:+.2%}"]
        for name, count in counts.items()
    ]
    return Table("Storage", ["counted", "plain bytes", "with dense labels", "overhead"], rows)


def _encodings(report: Report) -> Table:
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
        for cost in (report.storage.encodings if report.storage else ())
    ]
    header = ["encoding", "bytes, zipped", "on raw images", "on zipped", "on JPEG", "KL to float32", "total variation"]
    return Table("Encodings of the dense labels", header, rows)


def _cost(report: Report) -> Table:
    rows = []
    for part in CostName if report.cost else ():
        assert report.cost is not None
        predicted, counted = getattr(report.cost.predicted, part), getattr(report.cost.counted, part)
        if predicted:
            seconds = "-" if counted is None or counted.seconds is None else f"{counted.seconds:,.1f}"
            flops = "-" if counted is None else f"{counted.flops / _PETA:.3g}"
            rows.append([part.replace("_", " "), f"{predicted.flops / _PETA:.3g}", flops, seconds])
    return Table("Cost", ["part", "predicted PFLOP", "counted PFLOP", "device seconds"], rows)


def _protocol(report: Report) -> Table:
    """What decides the rows: one line for each set of settings that occurs."""
    evaluation = report.evaluation
    rows = evaluation.rows if evaluation else ()
    settings = {
        (
            row.arm,
            str(row.recipe.get("name", "-")),
            str(row.recipe.get("views", "-")),
            str(row.recipe.get("reduction", "-")),
            str(row.recipe.get("precision", "-")),
            f"{row.epochs:,}",
            str(len(row.trials)),
        )
        for row in rows
    }
    header = ["arm", "recipe", "views", "reduction", "precision", "epochs", "trials"]
    return Table("Protocol", header, sorted(settings))
