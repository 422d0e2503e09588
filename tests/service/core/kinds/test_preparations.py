"""What sets took before deployment reaches the report, each set with its own distillation."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.jobs import JobKind, JobRequest
from service.core.kinds import KINDS
from service.core.queue.plan import Plan

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)


def planned(shelf: Any, kind: str, **params: Any) -> Plan:
    return KINDS[JobKind(kind)].plan(shelf.core, REQUEST.validate_python({"kind": kind, "params": params}).params)


def preparations(plan: Plan) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = plan.tasks[-1].params["preparations"]
    return found


def evaluation(*arms: str, **fields: Any) -> dict[str, Any]:
    return {"architectures": ["ConvNetD3"], "trials": 1, "overrides": {"epochs": 1}, "arms": list(arms), **fields}


@pytest.fixture(scope="module")
def plus(shelf: Any) -> str:
    """A set of three images per class, which took twice as much."""
    stats = shelf.hand.made_up_stats(num_images=30, ipc=3, splits={"all": 30})
    return str(shelf.hand.ready_set(stats=stats, source_dataset=shelf.source, distillation_flops=2e15))


def test_a_set_labelled_by_the_job_and_the_larger_one(shelf: Any, plus: str) -> None:
    spec = evaluation("baseline", "ladd", "random", "baseline_plus", plus_dataset=plus)
    plan = planned(shelf, "ladd", dataset=shelf.distilled, labeler=shelf.labeler, evaluation=spec)
    made = next(task.makes for task in plan.tasks if task.name == "generate_labels")
    assert preparations(plan) == [
        {"dataset": made, "distillation": 1e15, "labelled_by": "generate_labels"},
        {"dataset": plus, "distillation": 2e15, "labelling": None, "labeler_training": None},
    ]


def test_sets_that_are_there_and_of_one_the_labels(shelf: Any, plus: str) -> None:
    sets = [shelf.augmented, plus, shelf.lonely]
    plan = planned(shelf, "evaluate", datasets=sets, source_dataset=shelf.source, **evaluation("baseline"))
    labeler = shelf.core.catalogue.labeler(shelf.labeler)
    # 20 images, each with 25 views; what the maker of the third set spent is not known.
    assert preparations(plan) == [
        {
            "dataset": shelf.augmented,
            "distillation": 1e15,
            "labelling": 20 * 26 * labeler.forward_flops,
            "labeler_training": labeler.flops,
        },
        {"dataset": plus, "distillation": 2e15, "labelling": None, "labeler_training": None},
    ]


def test_every_point_of_a_sweep_and_the_plain_set(shelf: Any) -> None:
    plan = planned(
        shelf,
        "sweep",
        dataset=shelf.distilled,
        labeler=shelf.labeler,
        n=[2, 3],
        evaluation=evaluation("baseline", "ladd"),
    )
    assert [each.get("labelled_by") for each in preparations(plan)] == [
        "generate_labels:n2-r0.625-e10",
        "generate_labels:n3-r0.625-e10",
        None,
    ]
    assert {each["distillation"] for each in preparations(plan)} == {1e15}
