"""The first lines of a report: its result in one sentence, and the warnings of its sets and labelers."""

from api_schemas.evaluation import Comparison, EvaluationSummary, Report
from api_schemas.report_inputs import names_of
from method.arms import BASELINE, LADD
from method.counted import counted


def headline(report: Report) -> str | None:
    """Return the result in one sentence, None for a report that measured nothing."""
    names = names_of(report.inputs)
    if report.evaluation is not None and report.evaluation.summary:
        source = names.get(report.evaluation.source_dataset, report.evaluation.source_dataset)
        trials = min(len(row.trials) for row in report.evaluation.rows)
        tested = f"{report.evaluation.test_images:,} test images of {source}, {counted(trials, 'trial')}"
        summaries = report.evaluation.summary
        found = next((each for each in report.evaluation.comparisons if _is_of_ladd(each)), None)
        return f"{_compared(summaries, found, names) if found else _listed(summaries, names)}, on {tested}."
    if report.storage is not None:
        overhead = report.storage.stored.overhead
        return f"The dense labels, {report.storage.encoding}, add {overhead:+.2%} to the bytes of the set as stored."
    return None


def input_warnings(report: Report) -> list[str]:
    """Return what is missing of a report, warnings of all sets, labelers and labels, by what classes were matched."""
    names = names_of(report.inputs)
    warned = [] if report.complete else [incomplete(report)]
    warned += [f"{each.role} {names[each.id]}: {warning}" for each in report.inputs for warning in each.warnings]
    return (
        warned
        + (report.labelling.warnings if report.labelling else [])
        + [
            f"classes of {names[each.id]} were matched with the source set's by {each.classes}"
            for each in report.inputs
            if each.classes is not None and not each.made_here
        ]
    )


def incomplete(report: Report) -> str:
    """Return what a report that is not complete lacks: how many of how many trials each row has."""
    names = names_of(report.inputs)
    lacking = [row for row in report.trials if row.ended < row.planned]
    several = len({row.dataset for row in report.trials}) > 1
    rows = [
        f"{row.arm} {row.architecture}"
        + (f" on {names.get(row.dataset, row.dataset)}" if several else "")
        + (f" at {row.epochs:,} epochs" if row.epochs is not None else "")
        + f" {row.ended} of {row.planned}"
        for row in lacking
    ]
    ended, planned = sum(row.ended for row in report.trials), sum(row.planned for row in report.trials)
    told = f" ({', '.join(rows)})" if rows else ""
    if not planned:
        return f"INCOMPLETE: the job is {report.job_state}, and this is what it has made."
    return (
        f"INCOMPLETE: the job is {report.job_state}, and this is of {ended} of {counted(planned, 'trial')}{told}. What "
        "is compared here was looked at before its end, where a difference that is none seems one more often: quote "
        "verdicts of a complete report."
    )


def judgement(found: Comparison) -> str:
    """Return interval and verdict in words."""
    if found.ci95 is None:
        return "too few trials for an interval"
    low, high = found.ci95
    verdict = "no evidence of a difference" if found.verdict == "no evidence" else found.verdict
    return f"95 % interval {low:+.2f} to {high:+.2f}: {verdict}"


def other_notes(report: Report) -> list[str]:
    """Return the notes that are not among the warnings."""
    warned = set(report.labelling.warnings) if report.labelling else set()
    return [note for note in report.notes if note not in warned]


def _is_of_ladd(found: Comparison) -> bool:
    return (found.arm, found.minus, found.architecture) == (LADD, BASELINE, None)


def _compared(summaries: list[EvaluationSummary], found: Comparison, names: dict[str, str]) -> str:
    cae = {each.arm: each for each in summaries if each.dataset == found.dataset}
    ladd = cae.get(LADD) or next(each for each in summaries if each.arm == LADD)
    baseline = cae.get(BASELINE) or next(each for each in summaries if each.arm == BASELINE)
    return (
        f"{names.get(found.dataset, found.dataset)}: LADD {ladd.cae_mean:.2f} % against {baseline.cae_mean:.2f} % of "
        f"the baseline, {found.difference:+.2f} points ({judgement(found)}), as the mean of "
        f"{counted(ladd.k, 'architecture')}"
    )


def _listed(summaries: list[EvaluationSummary], names: dict[str, str]) -> str:
    several = len({each.dataset for each in summaries}) > 1
    return "; ".join(
        f"{each.arm}{f' on {names.get(each.dataset, each.dataset)}' if several else ''} {each.cae_mean:.2f} % as the "
        f"mean of {counted(each.k, 'architecture')}"
        for each in summaries
    )
