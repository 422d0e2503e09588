"""Sets, jobs and reports as HTML, which is how a notebook shows them. Whatever the API has said is escaped."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from pydantic import BaseModel

from api_schemas.datasets import Dataset
from api_schemas.evaluation import Report
from api_schemas.jobs import TERMINAL_STATES, Job, JobState
from api_schemas.labelers import Labeler
from api_schemas.report_summary import headline, input_warnings, other_notes
from api_schemas.report_tables import clock, ran_on, tables
from api_schemas.table import Table
from ladd_client.errors import failure_text


def job_html(job: Job) -> str:
    """A line on the job, a bar for each of its stages by ended tasks, and why it failed or waits."""
    parts = [_title(job.id, f"{job.kind}, {job.state}")]
    ended = Counter(task.stage for task in job.tasks if task.state in TERMINAL_STATES)
    for stage, count in Counter(task.stage for task in job.tasks).items():
        done = float(ended[stage])
        text = f"{ended[stage]} of {count}"
        progress = job.progress
        if progress is not None and progress.stage == stage and progress.total:
            done = count * progress.done / progress.total
            text = f"{progress.done:,} of {progress.total:,} {progress.unit}"
            text += "" if progress.eta_seconds is None else f", {clock(progress.eta_seconds)} left"
        bar = f'<progress value="{done:g}" max="{count}"></progress>'
        parts.append(f"<div>{bar} {escape(stage)}: {escape(text)}</div>")
    if job.state in TERMINAL_STATES and job.state is not JobState.SUCCEEDED:
        parts.append(f"<pre>{escape(failure_text(job))}</pre>")
    if job.waiting is not None:
        parts.append(_paragraphs([f"waiting: {job.waiting}"]))
    return _block(parts)


def dataset_html(dataset: Dataset, preview: bytes | None) -> str:
    """A line on the set and its first images, a PNG, where there is one."""
    parts = [_title(dataset.name, f"{dataset.id}, {_role(dataset)}, {dataset.state}")]
    if dataset.stats is not None:
        shape = " × ".join(str(size) for size in dataset.stats.image_shape)
        facts = f"{dataset.stats.num_images:,} images of {shape}, {dataset.stats.num_classes} classes"
        parts.append(_paragraphs([facts, *(f"warning: {warning}" for warning in dataset.stats.warnings)]))
    parts.append(_paragraphs(f"{reason.location}: {reason.message}" for reason in dataset.reasons))
    if preview is not None:
        source = b64encode(preview).decode()
        parts.append(f'<img alt="first images of the first classes" src="data:image/png;base64,{source}">')
    return _block(parts)


def labeler_html(labeler: Labeler) -> str:
    """A line on the labeler and a row for each checkpoint."""
    rows = [
        [str(each.epoch), f"{each.val_accuracy:.2f} %", f"{each.mean_entropy:.3f}"]
        for each in labeler.epochs
        if each.checkpoint is not None
    ]
    about = f"{labeler.architecture or labeler.name or 'imported'} of {labeler.source_dataset}"
    table = Table("Checkpoints", ["epoch", "val accuracy", "mean entropy (nats)"], rows)
    return _block([_title(labeler.id, about), table_html(table)])


def report_html(report: Report) -> str:
    """The result in words, the tables of the report, and what to know before quoting a number."""
    first = [*(f"warning: {warning}" for warning in input_warnings(report)), headline(report) or ""]
    last = [ran_on(report), *(f"note: {note}" for note in other_notes(report))]
    return _block([_paragraphs(first), *map(table_html, tables(report)), _paragraphs(last)])


def items_html(items: Sequence[object]) -> str:
    """A row for each item of a page, with the fields that tell it apart."""
    models = [item for item in items if isinstance(item, BaseModel)]
    if not models:
        return _block(["empty"])
    rows = [[str(value) for _, value in model.__repr_args__()] for model in models]
    return _block([table_html(Table("", [str(name) for name, _ in models[0].__repr_args__()], rows))])


def table_html(table: Table) -> str:
    """A table under its title."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    caption = f"<caption>{escape(table.title)}</caption>" if table.title else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _role(dataset: Dataset) -> str:
    return "label-augmented" if dataset.augmentation is not None else str(dataset.role)


def _title(name: str, about: str) -> str:
    return f"<div><b>{escape(name)}</b> {escape(about)}</div>"


def _paragraphs(lines: Iterable[str]) -> str:
    return "".join(f"<div>{escape(line)}</div>" for line in lines if line)


def _block(parts: Iterable[str]) -> str:
    return f"<div>{''.join(parts)}</div>"
