"""A notebook of a job: its report, the archive with views and labels, and the figures drawn again from their data."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from api_schemas.evaluation import Report
from ladd_client.api import LaddClient
from ladd_client.errors import ProblemError


def labelled_set(client: LaddClient, report: Report) -> str | None:
    """Return the first label-augmented set that a report is about, None where there is none any more."""
    made = client.job(report.job).result
    evaluated = report.evaluation.rows if report.evaluation else []
    named = [made.dataset if made else None, *(row.dataset for row in evaluated)]
    for dataset in dict.fromkeys(filter(None, named)):
        try:
            if client.dataset(dataset).augmentation is not None:
                return dataset
        except ProblemError as error:
            if error.problem.status != 404:
                raise
    return None


def notebook(report: Report, dataset: str | None) -> dict[str, Any]:
    """Return the notebook (nbformat 4.5) of a report, and of the archive of a label-augmented set where one is named.

    It holds none of their numbers: its first run fetches both and keeps them beside it.
    """
    figures = {figure.name: figure.title for figure in report.figures}
    cells = [_text(f"# {report.kind} {report.job}\n")]
    for tag, source in _template():
        kind, _, name = tag.partition(" ")
        if ("archive" in tag and dataset is None) or (kind == "table" and report.evaluation is None):
            continue
        if kind == "markdown":
            cells.append(_text(re.sub(r"^# ?", "", source, flags=re.MULTILINE)))
        elif kind == "names":
            cells.append(_code(f"JOB, DATASET = {report.job!r}, {dataset!r}\n"))
        elif kind != "figure":
            cells.append(_code(source))
        elif name in figures:
            cells += [_text(f"## {figures[name]}\n"), _code(source)]
    return {
        "cells": [{**cell, "id": f"cell-{number}"} for number, cell in enumerate(cells)],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def notebook_text(report: Report, dataset: str | None) -> str:
    """Return the content of the `.ipynb` file of `notebook`."""
    return json.dumps(notebook(report, dataset), indent=1, ensure_ascii=False) + "\n"


def _template() -> Iterator[tuple[str, str]]:
    """What stands in brackets behind `# %%`, and the lines of each cell of `notebook_cells.py`."""
    whole = (files("ladd_client") / "notebook_cells.py").read_text(encoding="utf-8")
    _, *cells = re.split(r"^# %%(?: \[(.*)\])?\n", whole, flags=re.MULTILINE)
    for tag, source in zip(cells[::2], cells[1::2], strict=True):
        yield tag or "", source.strip("\n") + "\n"


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source.splitlines(keepends=True)}


def _code(source: str) -> dict[str, Any]:
    lines = source.splitlines(keepends=True)
    return {"cell_type": "code", "metadata": {}, "source": lines, "outputs": [], "execution_count": None}
