"""From the results of single trials to the rows of an evaluation and the k-CAE of its arms."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from api_schemas.evaluation import EvaluationRow, EvaluationSummary, TrialRow
from workers.ladd.evaluation.statistics import summarize


def merge_trials(results: Iterable[Mapping[str, Any]]) -> list[EvaluationRow]:
    """Make one row of all trials of the same set, arm, architecture and view policy, in the order they come up.

    A result is a `TrialResult` with its `dataset`, as JSON. `flops` and `seconds` are added up. Where the trials differ
    in a field of the recipe (`micro_batch` follows the device), its value is the list of theirs. `in_summary` is False
    for a row in whose place one with the policy "full" is to be quoted. Raises ValueError for two trials of the same
    number.
    """
    together: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for result in results:
        key = result["dataset"], result["arm"], result["architecture"], result["recipe"]["views"]
        together.setdefault(key, []).append(result)
    rows = [_merge(group) for group in together.values()]
    confirmed = {_cell(row) for row in rows if row.recipe["views"] == "full"}
    for row in rows:
        row.in_summary = row.recipe["views"] == "full" or _cell(row) not in confirmed
    return rows


def accuracies(row: EvaluationRow) -> list[float]:
    """Return the accuracies of a row's trials, by trial."""
    return [trial.accuracy for trial in row.trials]


def summaries(rows: Sequence[EvaluationRow]) -> list[EvaluationSummary]:
    """Return the k-CAE of every set and arm, in the order of the rows."""
    arms = dict.fromkeys((row.dataset, row.arm) for row in rows)
    return [cae([row for row in rows if (row.dataset, row.arm) == arm and row.in_summary]) for arm in arms]


def cae(rows: Sequence[EvaluationRow]) -> EvaluationSummary:
    """Return the k-CAE of one arm of a set: the mean over its k rows of `mean`; `cae_std` is the mean of their `std`.

    That is how the paper's tables are made: "+-" there is the average of the standard deviations of the trials, not
    the spread over architectures. Raises ValueError unless all rows are of one arm, each of another architecture.
    """
    arms = sorted({row.arm for row in rows})
    if len(arms) != 1:
        raise ValueError(f"rows must be of one arm; got {', '.join(arms) or 'no rows'}")
    architectures = [row.architecture for row in rows]
    if len(set(architectures)) != len(architectures):
        raise ValueError(f"rows must each be of another architecture; got {', '.join(architectures)}")
    k = len(rows)
    return EvaluationSummary(
        dataset=rows[0].dataset,
        arm=arms[0],
        k=k,
        architectures=architectures,
        cae_mean=math.fsum(row.mean for row in rows) / k,
        cae_std=math.fsum(row.std for row in rows) / k,
    )


def _cell(row: EvaluationRow) -> tuple[str, str, str]:
    return row.dataset, row.arm, row.architecture


def _merge(results: Sequence[Mapping[str, Any]]) -> EvaluationRow:
    results = sorted(results, key=lambda result: int(result["trial"]["trial"]))
    trials = [TrialRow.model_validate(result["trial"]) for result in results]
    numbers = [trial.trial for trial in trials]
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"trials of a row must have different numbers; got {numbers}")
    row = {field: value for field, value in results[0].items() if field != "trial"}
    row |= summarize([trial.accuracy for trial in trials])._asdict()
    row |= {
        "trials": trials,
        "flops": sum(result["flops"] for result in results),
        "seconds": math.fsum(trial.seconds for trial in trials),
        "recipe": _common([result["recipe"] for result in results]),
        "in_summary": True,
    }
    return EvaluationRow.model_validate(row)


def _common(recipes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def value(field: str) -> Any:
        values = [recipe[field] for recipe in recipes]
        return values[0] if all(each == values[0] for each in values) else values

    # A trial of an earlier version lacks the fields that came later.
    return {field: value(field) for field in recipes[0] if all(field in recipe for recipe in recipes)}
