"""The job kinds. A new one is a file with `plan`, and one line here."""

from collections.abc import Callable
from typing import Any

from api_schemas.jobs import JobKind
from service.core.clients import Core
from service.core.kinds import evaluate, generate_labels, import_labeler, ingest_dataset, ladd, sweep, train_labeler
from service.core.queue.plan import Plan

Planner = Callable[[Core, Any], Plan]
"""From the params of the request to a plan; raises ServiceError for params that cannot be planned."""

KINDS: dict[JobKind, Planner] = {
    JobKind.INGEST_DATASET: ingest_dataset.plan,
    JobKind.IMPORT_LABELER: import_labeler.plan,
    JobKind.TRAIN_LABELER: train_labeler.plan,
    JobKind.GENERATE_LABELS: generate_labels.plan,
    JobKind.EVALUATE: evaluate.plan,
    JobKind.LADD: ladd.plan,
    JobKind.SWEEP: sweep.plan,
}
