"""The paper's numbers beside those of a report, as tables."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import fmean

from api_schemas.cells import arm_title, spread
from api_schemas.evaluation import Evaluation, PaperNumber, Report
from api_schemas.table import Table
from method.arms import BASELINE, LADD

_HEADER = ["arm", "networks", "here", "paper", "difference", "where in the paper"]


def paper_tables(report: Report) -> Iterator[Table]:
    """Yield one table for each set that the paper has numbers of: arms by networks, and what LADD gains and adds.

    The gain relative to the baseline is what Table 4's average is made of.
    """
    evaluation = report.evaluation
    if evaluation is None:
        return
    for dataset, of_set in groupby(report.paper, lambda number: number.dataset):
        numbers = list(of_set)
        lines = [_line(number, evaluation) for number in numbers]
        caes = [number for number in numbers if number.architecture is None]
        for networks in dict.fromkeys(tuple(number.architectures) for number in caes):
            lines += _gains([number for number in caes if tuple(number.architectures) == networks], evaluation)
        bytes_added = next((each.overhead for each in numbers if each.arm == LADD and each.overhead), None)
        if report.storage is not None and bytes_added is not None:
            ours = f"{report.storage.paper.overhead:+.2%}"
            lines.append(["storage added by LADD", "-", ours, f"{bytes_added:+.1%}", "-", "Table 1"])
        yield Table(f"Beside the paper: {numbers[0].source}, {dataset}", _HEADER, lines, muted=3)


def mean_here(evaluation: Evaluation, dataset: str, arm: str, architectures: Sequence[str]) -> tuple[float, float]:
    """Return this evaluation's mean over architectures (none named: all) of (mean, std), as the paper averages."""
    rows = [
        row
        for row in evaluation.rows
        if (row.dataset, row.arm, row.in_summary) == (dataset, arm, True)
        and (row.architecture in architectures or not architectures)
    ]
    return fmean(row.mean for row in rows), fmean(row.std for row in rows)


def _here(number: PaperNumber, evaluation: Evaluation) -> tuple[float, float]:
    return mean_here(evaluation, number.dataset, number.arm, number.architectures)


def _line(number: PaperNumber, evaluation: Evaluation) -> list[str]:
    mean, std = _here(number, evaluation)
    theirs = f"{number.cae_mean:.1f}" if number.std is None else f"{number.cae_mean:.1f} ± {number.std:.1f}"
    where = "; ".join(
        [*([", ".join(number.tables)] if number.tables else []), *([number.remark] if number.remark else [])]
    )
    difference = "-" if number.difference is None else f"{number.difference:+.2f}"
    return [arm_title(number.arm), _networks(number), spread(mean, std), theirs, difference, where or "-"]


def _networks(number: PaperNumber) -> str:
    return number.architecture or (f"{len(number.architectures)}-CAE" if number.architectures else "k-CAE")


def _gains(numbers: Sequence[PaperNumber], evaluation: Evaluation) -> list[list[str]]:
    """Return the line of LADD's gain relative to the baseline over some networks, where both have a number."""
    found = {number.arm: number for number in numbers}
    if not {BASELINE, LADD} <= set(found):
        return []
    (ours, _), (baseline, _) = (_here(found[arm], evaluation) for arm in (LADD, BASELINE))
    here = f"{ours / baseline - 1:+.1%}" if baseline else "-"
    theirs = f"{found[LADD].cae_mean / found[BASELINE].cae_mean - 1:+.1%}"
    return [["LADD relative to baseline", _networks(found[LADD]), here, theirs, "-", "-"]]
