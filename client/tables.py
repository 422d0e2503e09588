"""Evaluations as plain text: what the CLI and the demo print."""

from collections.abc import Sequence

from api_schemas.cost import Cost, CostName, CostParts, JobCost
from api_schemas.evaluation import ArmName, Comparison, Evaluation, EvaluationRow, FlopCount, Report, Storage
from client.stages import amount, clock
from method.arms import ARMS

_TITLES = {arm: "LADD" if arm == "ladd" else arm for arm in ARMS}
_PETA = 1e15


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns padded to their widest cell, the first to the left and the others to the right, under a rule."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), "  ".join("-" * width for width in widths), *map(line, rows)])


def evaluation_table(evaluation: Evaluation) -> str:
    """One row per architecture with mean ± std of every arm, their difference, and the k-CAE; one table per set.

    Where an arm has several rows for an architecture (progressive views), the one of the summary is shown, and the
    policy it was trained with.
    """
    datasets = list(dict.fromkeys(row.dataset for row in evaluation.rows))
    tables = []
    for dataset in datasets:
        rows = [row for row in evaluation.rows if row.dataset == dataset and row.in_summary]
        title = [dataset] if len(datasets) > 1 else []
        compared = [found for found in evaluation.comparisons if found.dataset == dataset]
        blocks = [_arms_table(evaluation, dataset, rows), *([_comparisons_table(compared)] if compared else [])]
        tables.append("\n".join([*title, "\n\n".join(blocks), "", *_protocol(evaluation, rows)]))
    return "\n\n".join(tables)


def _arms_table(evaluation: Evaluation, dataset: str, rows: list[EvaluationRow]) -> str:
    arms = [arm for arm in ARMS if any(row.arm == arm for row in rows)]
    compared = {"baseline", "ladd"} <= set(arms)
    header = ["architecture", *(_TITLES[arm] for arm in arms), *(["difference"] if compared else [])]
    header += [f"forwards {_TITLES[arm]}" for arm in arms]
    policies = {row.recipe.get("views") for row in rows if row.arm == "ladd"}
    header += ["views"] if len(policies) > 1 else []

    lines = []
    for architecture in dict.fromkeys(row.architecture for row in rows):
        by_arm = {row.arm: row for row in rows if row.architecture is architecture}
        means = {arm: row.mean for arm, row in by_arm.items()}
        cells = [_spread(by_arm[arm].mean, by_arm[arm].std) if arm in by_arm else "-" for arm in arms]
        forwards = [f"{by_arm[arm].forwards:,}" if arm in by_arm else "-" for arm in arms]
        views = [str(by_arm["ladd"].recipe["views"]) if "ladd" in by_arm else "-"]
        lines.append(
            [
                architecture,
                *cells,
                *([_difference(means)] if compared else []),
                *forwards,
                *(views if len(policies) > 1 else []),
            ]
        )

    summaries = {summary.arm: summary for summary in evaluation.summary if summary.dataset == dataset}
    if summaries:
        k = max(summary.k for summary in summaries.values())
        cells = [_spread(summaries[arm].cae_mean, summaries[arm].cae_std) if arm in summaries else "-" for arm in arms]
        means = {arm: summary.cae_mean for arm, summary in summaries.items()}
        summary = [f"{k}-CAE", *cells, *([_difference(means)] if compared else [])]
        lines.append(summary + [""] * (len(header) - len(summary)))
    return text_table(header, lines)


def _comparisons_table(comparisons: list[Comparison]) -> str:
    """Each arm minus the baseline, in points, with the interval over trials and test images."""
    rows = [
        [
            f"{_TITLES[found.arm]} minus baseline",
            found.architecture or "CAE",
            f"{found.difference:+.2f}",
            "{:+.2f} to {:+.2f}".format(*found.ci95),
            found.verdict,
        ]
        for found in comparisons
    ]
    return text_table(["points", "architecture", "difference", "95 % interval", "verdict"], rows)


def _spread(mean: float, std: float) -> str:
    return f"{mean:.2f} ± {std:.2f}"


def _difference(means: dict[ArmName, float]) -> str:
    if not {"baseline", "ladd"} <= set(means):
        return "-"
    return f"{means['ladd'] - means['baseline']:+.2f}"


def _protocol(evaluation: Evaluation, rows: list[EvaluationRow]) -> list[str]:
    trials = sorted({len(row.trials) for row in rows})
    epochs = sorted({row.epochs for row in rows})
    facts = [
        f"accuracy in % on {evaluation.test_images:,} real test images after the last epoch",
        f"mean ± population std over {_either(trials)} trials",
        f"{_either(epochs)} epochs",
    ]
    trained = [row for row in rows if row.arm == "ladd"] or rows
    for field in ("name", "views", "reduction"):
        values = sorted({str(row.recipe[field]) for row in trained if field in row.recipe})
        if values:
            facts.append(f"{'recipe' if field == 'name' else field} {' / '.join(values)}")
    return ["; ".join(facts), "forwards: images and views passed through the network in the training of one trial"]


def _either(numbers: list[int]) -> str:
    return " / ".join(f"{number:,}" for number in numbers)


def storage_lines(storage: Storage) -> list[str]:
    """What the dense labels cost in bytes, counted three ways, and what other encodings would cost."""
    counts = {
        "zipped, as the paper counts (uint8 images, float32 labels)": storage.paper,
        "the same, not zipped": storage.raw,
        f"as stored here ({storage.encoding})": storage.stored,
    }
    lines = [
        f"storage, {name}: {count.plain_bytes:,} -> {count.augmented_bytes:,} bytes ({count.overhead:+.2%})"
        for name, count in counts.items()
    ]
    lines.append(f"storage, soft labels of whole images besides: {storage.full_labels_bytes:,} bytes")
    return lines + [
        f"as {cost.encoding}: dense labels of {cost.bytes:,} bytes, {cost.overhead_zipped:+.2%} on the zipped images, "
        f"KL to float32 {cost.kl:.2g}"
        for cost in storage.encodings
    ]


def flops_lines(flops: FlopCount) -> list[str]:
    """What each part cost in floating-point operations (1 multiply-add = 2)."""
    parts = {
        "labelling": flops.labelling,
        "labeler training": flops.labeler_training,
        "deployment (all arms and trials)": flops.deployment,
    }
    return [f"FLOPs, {name}: {count / _PETA:.3g} PFLOP" for name, count in parts.items() if count is not None]


def cost_line(predicted: CostParts) -> str:
    """What a job is predicted to cost."""
    parts = [f"{_part_title(part)} {_cost(cost)}" for part in CostName if (cost := getattr(predicted, part))]
    return f"predicted cost: {'; '.join(parts)}"


def cost_table(cost: JobCost) -> str:
    """Each part of a job, as predicted and as counted."""
    rows = [
        [_part_title(part), _cost(predicted), _cost(getattr(cost.counted, part))]
        for part in CostName
        if (predicted := getattr(cost.predicted, part))
    ]
    return text_table(["cost", "predicted", "counted"], rows)


def _part_title(part: CostName) -> str:
    return part.replace("_", " ")


def _cost(cost: Cost) -> str:
    """FLOPs, bytes left in the storage, and the time that devices were held."""
    held = "not known yet" if cost.seconds is None else clock(cost.seconds)
    return f"{cost.flops / _PETA:.3g} PFLOP, {amount(cost.bytes, 'bytes')}, device time {held}"


def measured_text(
    evaluation: Evaluation | None, storage: Storage | None, flops: FlopCount | None, cost: JobCost | None
) -> str:
    """All that was measured, what is absent left out."""
    blocks = [
        evaluation_table(evaluation) if evaluation else "",
        "\n".join(storage_lines(storage)) if storage else "",
        "\n".join(flops_lines(flops)) if flops else "",
        cost_table(cost) if cost else "",
    ]
    return "\n\n".join(block for block in blocks if block)


def paper_tables(report: Report) -> str:
    """The k-CAE of the arms beside the paper's, and what LADD gains relative to the baseline; one table per set."""
    summaries = report.evaluation.summary if report.evaluation else []
    tables = []
    for dataset in dict.fromkeys(number.dataset for number in report.paper):
        numbers = [number for number in report.paper if number.dataset == dataset]
        theirs = {number.arm: number.cae_mean for number in numbers}
        ours = {found.arm: found for found in summaries if found.dataset == dataset and found.arm in theirs}
        rows = [
            [_TITLES[arm], _spread(found.cae_mean, found.cae_std), f"{theirs[arm]:.1f}"] for arm, found in ours.items()
        ]
        if {"baseline", "ladd"} <= set(ours):
            means = {arm: found.cae_mean for arm, found in ours.items()}
            rows.append(["LADD relative to baseline", _relative_gain(means), _relative_gain(theirs)])
        k = max(found.k for found in ours.values())
        title = f"beside the paper: {numbers[0].source}, {dataset}"
        tables.append(f"{title}\n{text_table(['arm', f'{k}-CAE here', 'paper'], rows)}")
    return "\n\n".join(tables)


def _relative_gain(means: dict[ArmName, float]) -> str:
    """What the paper's Table 4 averages."""
    baseline = means["baseline"]
    return f"{means['ladd'] / baseline - 1:+.1%}" if baseline else "-"


def report_text(report: Report) -> str:
    """A report: what was measured, on what, and what a reader must know before quoting a number."""
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    footer = [f"{report.hardware}; {versions}", *(f"note: {note}" for note in report.notes)]
    measured = measured_text(report.evaluation, report.storage, report.flops, report.cost)
    return "\n\n".join(block for block in (measured, paper_tables(report), "\n".join(footer)) if block)
