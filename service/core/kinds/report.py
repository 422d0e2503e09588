"""The last task of most kinds: gather what the others found into one report."""

from collections.abc import Mapping, Sequence
from typing import Any

from api_schemas.jobs import JobKind
from api_schemas.runner import TaskType
from method.files import VAL_IMAGES
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
    distillation: Mapping[str, Any] | None = None,
) -> TaskPlan:
    """Plan the report over the results of `tasks` (the training of a labeler is read from its manifest).

    `points` are those of a sweep: the labelling `task` of each, the `dataset` it makes, and what sets it apart.
    `distillation`: the `flops` that the distillation took, and the `sets` that share its images; None: not known.
    The job's id and its sets and labelers are added to its params when the task is claimed.
    """
    inputs = {"results": Ref("after")}
    inputs |= {f"labeler_{position}": Ref("labeler", labeler, []) for position, labeler in enumerate(labelers)}
    if explained_images:
        inputs["source"] = Ref("dataset", source_dataset, [VAL_IMAGES])
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
            "distillation": distillation,
        },
        inputs=inputs,
        work=1,
        unit="reports",
        after=[task.name for task in tasks],
    )
