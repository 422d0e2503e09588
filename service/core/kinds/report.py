"""The last task of most kinds: gather what the others found into one report."""

from collections.abc import Mapping, Sequence
from typing import Any

from api_schemas.jobs import JobKind
from api_schemas.runner import TaskType
from method.files import VAL_IMAGES
from service.core.catalogue.manifests import DatasetManifest
from service.core.kinds.evaluated_set import own_files
from service.core.kinds.preparations import Preparation
from service.core.queue.plan import Ref, TaskPlan


def plan_report(
    kind: JobKind,
    params: Mapping[str, Any],
    tasks: Sequence[TaskPlan],
    labelers: Sequence[str],
    source_dataset: str,
    test_images: int | None,
    explained_images: int = 0,
    points: Sequence[Mapping[str, Any]] = (),
    preparations: Sequence[Preparation] = (),
    plus: DatasetManifest | None = None,
) -> TaskPlan:
    """Plan the report over the results of `tasks` (the training of a labeler is read from its manifest).

    `points` are those of a sweep: the labelling `task` of each, the `dataset` it makes, and what sets it apart.
    `preparations`: what sets took before deployment. `plus`: the set whose bytes stand beside those of dense labels.
    The job's id and its sets and labelers are added to its params when the task is claimed.
    """
    inputs = {"results": Ref("after")}
    inputs |= {f"labeler_{position}": Ref("labeler", labeler, []) for position, labeler in enumerate(labelers)}
    if explained_images:
        inputs["source"] = Ref("dataset", source_dataset, [VAL_IMAGES])
    if plus is not None:
        inputs["plus"] = Ref("dataset", plus.id, own_files(plus.measured))
    return TaskPlan(
        name="report",
        type=TaskType.REPORT,
        queue="io",
        params={
            "kind": kind,
            "params": params,
            "source_dataset": source_dataset,
            "test_images": test_images,
            "points": list(points),
            "preparations": list(preparations),
        },
        inputs=inputs,
        work=1,
        unit="reports",
        after=[task.name for task in tasks],
    )
