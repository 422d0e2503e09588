"""From the results of single trials to the rows of an evaluation. Plain Python, so that a report needs nothing else."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workers.ladd.evaluation.statistics import summarize

Row = dict[str, Any]


def merge_trials(results: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Make one row of all trials of the same set, arm, architecture and view policy, in the order they come up.

    A result has `trial`, all else is a row's. `flops` and `seconds` are added up. Where the trials differ in a field
    of the recipe (`micro_batch` follows the device), its value is the list of theirs. `in_summary` is False for a row
    in whose place one with the policy "full" is to be quoted. Raises ValueError for two trials of the same number.
    """
    together: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for result in results:
        key = (*_cell(result), result["recipe"]["views"])
        together.setdefault(key, []).append(result)
    rows = [_merge(sorted(group, key=lambda result: result["trial"]["trial"])) for group in together.values()]
    confirmed = {_cell(row) for row in rows if row["recipe"]["views"] == "full"}
    for row in rows:
        row["in_summary"] = row["recipe"]["views"] == "full" or _cell(row) not in confirmed
    return rows


def accuracies(row: Mapping[str, Any]) -> list[float]:
    """Return the accuracies of a row's trials, by trial."""
    return [trial["accuracy"] for trial in row["trials"]]


def _cell(row: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return row["dataset"], row["arm"], row["architecture"]


def _merge(results: Sequence[Mapping[str, Any]]) -> Row:
    trials = [result["trial"] for result in results]
    numbers = [trial["trial"] for trial in trials]
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"trials of a row must have different numbers; got {numbers}")
    first = {field: value for field, value in results[0].items() if field != "trial"}
    return first | {
        "trials": trials,
        **summarize([trial["accuracy"] for trial in trials]),
        "flops": sum(result["flops"] for result in results),
        "seconds": math.fsum(trial["seconds"] for trial in trials),
        "recipe": _common([result["recipe"] for result in results]),
    }


def _common(recipes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def value(field: str) -> Any:
        values = [recipe[field] for recipe in recipes]
        return values[0] if all(each == values[0] for each in values) else values

    return {field: value(field) for field in recipes[0]}
