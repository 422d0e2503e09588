"""The tables of a report by class: which classes LADD helps, and those that the paper finds hard."""

from collections.abc import Iterator

from api_schemas.class_accuracies import ALL_SHOWN, class_accuracies, class_name, class_names, shown_classes
from api_schemas.evaluation import Report
from api_schemas.table import Table
from method.arms import BASELINE, LADD


def class_tables(report: Report) -> Iterator[Table]:
    """Yield for each set the accuracies by class of the baseline and of LADD, and the paper's where it has some."""
    names = class_names(report.inputs)
    for dataset, found in (class_accuracies(report.evaluation) if report.evaluation else {}).items():
        some = f"; of {len(found):,} classes the ten that gain and the ten that lose most" * (len(found) > ALL_SHOWN)
        lines = [
            [class_name(names, each.label), f"{each.baseline:.1f}", f"{each.ladd:.1f}", f"{each.difference:+.1f}"]
            for each in shown_classes(found)
        ]
        title = f"Accuracy by class in %, mean over trials and architectures{some}, {dataset}"
        yield Table(title, ["class", "baseline", "LADD", "difference"], lines)

        theirs = [each for each in report.paper_classes if each.dataset == dataset]
        paper = {(each.label, each.arm): each.accuracy for each in theirs}
        beside = [
            [
                class_name(names, each.label),
                f"{each.baseline:.1f} to {each.ladd:.1f}",
                f"{paper[each.label, BASELINE]:.0f} to {paper[each.label, LADD]:.0f}",
            ]
            for each in found
            if (each.label, LADD) in paper
        ]
        if beside:
            title = f"Beside the paper: hard classes, baseline to LADD in %, {theirs[0].source}, {dataset}"
            yield Table(title, ["class", "here", "paper"], beside, muted=2)
