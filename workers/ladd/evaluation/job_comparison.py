"""Evaluations of several jobs side by side, and the differences of each from the first."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from api_schemas.comparison import ComparedRow, JobComparison, JobDifference
from api_schemas.evaluation import Evaluation, EvaluationRow
from workers.ladd.evaluation.answers import unpack_answers
from workers.ladd.evaluation.judgement import judge
from workers.ladd.evaluation.paired_difference import Pair, Shared
from workers.ladd.evaluation.rows import cae

ByArm = dict[tuple[str, str], dict[str, EvaluationRow]]
"""{(dataset, arm): {architecture: row}} of an evaluation, of the rows that its summary quotes."""


def compare_jobs(evaluations: Mapping[str, Evaluation]) -> JobComparison:
    """Compare evaluations, by job, with that of the first one.

    Raises ValueError, which names the job, for one that was not tested on the images of the first.
    """
    first_job, first = next(iter(evaluations.items()))
    for job, evaluation in evaluations.items():
        if (evaluation.source_dataset, evaluation.test_images) != (first.source_dataset, first.test_images):
            raise ValueError(
                f"{job} was tested on {evaluation.test_images} images of {evaluation.source_dataset}, {first_job} on "
                f"{first.test_images} of {first.source_dataset}: only evaluations on the same images can be compared"
            )
    found = {job: _by_arm(evaluation) for job, evaluation in evaluations.items()}
    differences = [
        difference
        for job in list(found)[1:]
        for difference in _differences(job, found[job], first_job, found[first_job], first.test_images)
    ]
    return JobComparison(
        jobs=list(found),
        source_dataset=first.source_dataset,
        test_images=first.test_images,
        rows=_rows(found),
        differences=differences,
        notes=list(_notes(found)),
    )


def _by_arm(evaluation: Evaluation) -> ByArm:
    found: ByArm = {}
    for row in evaluation.rows:
        if row.in_summary:
            found.setdefault((row.dataset, row.arm), {})[row.architecture] = row
    return found


def _rows(found: Mapping[str, ByArm]) -> list[ComparedRow]:
    """The rows of each arm and architecture, the jobs in turn, and its k-CAEs last."""
    arms = dict.fromkeys(arm for by_arm in found.values() for _, arm in by_arm)
    rows = []
    for arm in arms:
        of_arm = [
            (job, place, rows) for job, by_arm in found.items() for place, rows in by_arm.items() if place[1] == arm
        ]
        for architecture in dict.fromkeys(name for _, _, rows_of in of_arm for name in rows_of):
            for job, (dataset, _), rows_of in of_arm:
                if architecture in rows_of:
                    row = rows_of[architecture]
                    measured = {"trials": len(row.trials), "mean": row.mean, "std": row.std, "ci95": row.ci95}
                    rows.append(_row(job, dataset, arm, architecture, measured))
        for job, (dataset, _), rows_of in of_arm:
            whole = cae(list(rows_of.values()))
            measured = {"trials": None, "mean": whole.cae_mean, "std": whole.cae_std, "ci95": None}
            rows.append(_row(job, dataset, arm, None, measured))
    return rows


def _row(job: str, dataset: str, arm: str, architecture: str | None, measured: Mapping[str, object]) -> ComparedRow:
    place = {"job": job, "dataset": dataset, "arm": arm, "architecture": architecture}
    return ComparedRow.model_validate(place | dict(measured))


def _differences(job: str, by_arm: ByArm, first_job: str, first: ByArm, images: int) -> Iterator[JobDifference]:
    for (dataset, arm), rows in by_arm.items():
        have = [other for other, of in first if of == arm]
        if not have:
            continue
        reference = dataset if dataset in have else have[0]
        others = first[reference, arm]
        pairs = {
            name: Pair(_answers(rows[name], images), _answers(others[name], images)) for name in rows if name in others
        }
        shared = Shared(_by_labeler(rows.values()), _by_labeler(others.values()))
        for architecture, judged in judge(pairs, shared).items():
            yield JobDifference(
                job=job,
                dataset=dataset,
                minus=first_job,
                minus_dataset=reference,
                arm=arm,
                architecture=architecture,
                **judged.in_report,
            )


def _answers(row: EvaluationRow, images: int) -> NDArray[np.bool_]:
    return np.stack([unpack_answers(trial.correct, images) for trial in row.trials])


def _by_labeler(rows: Iterable[EvaluationRow]) -> bool:
    """Whether trials of the same number have the same labeler on every architecture."""
    return any(isinstance(row.recipe.get("labels_of"), list) for row in rows)


def _notes(found: Mapping[str, ByArm]) -> Iterator[str]:
    """Say where jobs trained otherwise, and where they share trials, which then tell nothing of a difference."""
    rows = {job: [row for by_name in by_arm.values() for row in by_name.values()] for job, by_arm in found.items()}
    trained = {
        "numbers of epochs": {job: {str(row.epochs) for row in each} for job, each in rows.items()},
        "recipes": {job: {str(row.recipe.get("name")) for row in each} for job, each in rows.items()},
    }
    for what, by_job in trained.items():
        if len({frozenset(each) for each in by_job.values()}) > 1:
            told = "; ".join(f"{job}: {', '.join(sorted(each))}" for job, each in by_job.items())
            yield f"The jobs have different {what}: {told}."
    runs = {
        job: {(trial.reused_from or job, trial.seed) for row in each for trial in row.trials}
        for job, each in rows.items()
    }
    first, *others = runs
    for job in others:
        if runs[job] & runs[first]:
            yield f"{job} and {first} share trials: where they share all of a row, it differs by 0 of itself."
