"""What the methods of both clients take, as the API wants it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from api_schemas.datasets import Dataset
from api_schemas.jobs import Job, JobKind, JobState
from ladd_client.errors import JobError
from ladd_client.form import Files, paths
from ladd_client.handles import made_by

DATASET_ID = re.compile(r"ds_[0-9a-z]{26}")


def is_id(files: Files) -> TypeGuard[str]:
    """Tell the id of a set from a path."""
    return isinstance(files, str) and DATASET_ID.fullmatch(files) is not None


def described(files: Files, role: str, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the metadata of an upload, by default with the first file's name."""
    return {"name": paths(files)[0].name.partition(".")[0], "role": role, **(metadata or {})}


def ladd_request(
    dataset: str | Path | Sequence[str | Path],
    source: str | Path | Sequence[str | Path] | None,
    params: Mapping[str, Any],
    tags: Mapping[str, str] | None,
) -> dict[str, Any]:
    """Return the body of a `ladd` job."""
    sets = {"dataset": dataset} if source is None else {"dataset": dataset, "source_dataset": source}
    return {"kind": JobKind.LADD, "params": {**sets, **params}, "tags": dict(tags or {})}


def job_of(job: str | Job | Dataset) -> str:
    """Return the id of a job, or of the one that makes a set."""
    return job if isinstance(job, str) else job.job if isinstance(job, Dataset) else job.id


def raise_unless_succeeded(job: Job) -> None:
    """Raise `JobError` for a job that has ended otherwise."""
    if job.state is not JobState.SUCCEEDED:
        raise JobError(job)


def augmented(dataset: str | Dataset | Job) -> str:
    """Return the id of a label-augmented set. Raises `ClientError` for a job that has made none."""
    if isinstance(dataset, Job):
        return made_by(dataset)
    return dataset if isinstance(dataset, str) else dataset.id
