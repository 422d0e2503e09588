"""A sweep is one labeler, a label-augmented set for each point, and one evaluation of all of them."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.jobs import JobKind, JobRequest, JobState
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.kinds import KINDS
from service.core.queue.plan import Plan

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)
EVALUATION = {"architectures": ["ConvNetD3"], "trials": 1, "overrides": {"epochs": 1}}


def planned(core: Core, **params: Any) -> Plan:
    return KINDS[JobKind.SWEEP].plan(core, REQUEST.validate_python({"kind": "sweep", "params": params}).params)


def test_points_are_all_combinations(shelf: Any) -> None:
    arms = ["baseline", "sub_hard", "ladd"]
    plan = planned(shelf.core, dataset=shelf.distilled, n=[2, 5], epochs=[3, 7], evaluation=EVALUATION | {"arms": arms})
    tasks = {task.name: task for task in plan.tasks}
    assert tasks["train_labeler"].params["recipe"]["checkpoint_epochs"] == [3, 7]
    points = {name: task.makes for name, task in tasks.items() if name.startswith("generate_labels")}
    assert list(points) == [
        "generate_labels:n2-r0.625-e3",
        "generate_labels:n2-r0.625-e7",
        "generate_labels:n5-r0.625-e3",
        "generate_labels:n5-r0.625-e7",
    ]
    first = tasks["generate_labels:n2-r0.625-e7"]
    assert (first.params["views"], first.params["labelers"][0]["epochs"]) == ({"n": 2, "ratio": 0.625}, [7])
    assert all(tasks[name].after == ["train_labeler"] for name in points)

    trials = {name: task for name, task in tasks.items() if name.startswith("evaluate")}
    # The baseline needs no labeler and is trained once; sub_hard needs the views alone, which a point decides.
    assert [name for name in trials if ":baseline:" in name] == [f"evaluate:{shelf.distilled}:baseline:ConvNetD3:0"]
    assert trials[f"evaluate:{shelf.distilled}:baseline:ConvNetD3:0"].after == ()
    for name, made in points.items():
        for arm in ("sub_hard", "ladd"):
            assert trials[f"evaluate:{made}:{arm}:ConvNetD3:0"].after == [name]
    assert len(trials) == 1 + 4 * 2
    report = tasks["report"]
    assert [(point["dataset"], point["n"], point["epoch"]) for point in report.params["points"]] == [
        (made, n, epoch) for made, (n, epoch) in zip(points.values(), ((2, 3), (2, 7), (5, 3), (5, 7)), strict=True)
    ]
    assert plan.params["epochs"] == [3, 7]


def test_defaults_are_the_papers_point(shelf: Any) -> None:
    plan = planned(shelf.core, dataset=shelf.distilled, labeler=shelf.labeler, evaluation=EVALUATION)
    assert [task.name for task in plan.tasks if task.stage == "generate_labels"] == ["generate_labels:n5-r0.625-e10"]
    assert (plan.params["n"], plan.params["ratio"], plan.params["epochs"]) == ([5], [0.625], [10])


def test_a_sweep_runs_to_its_report(shelf: Any) -> None:
    job = shelf.hand.submit("sweep", dataset=shelf.distilled, labeler=shelf.labeler, n=[2, 3], evaluation=EVALUATION)
    assert shelf.hand.work(job.id).state is JobState.SUCCEEDED


def test_an_arm_that_asks_one_labeler_is_of_other_kinds(shelf: Any) -> None:
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, dataset=shelf.distilled, evaluation=EVALUATION | {"arms": ["baseline", "online"]})
    [reason] = caught.value.reasons
    assert (reason.location, reason.rule) == ("body.params.evaluation.arms", "arm_has_labeler")
    assert reason.message == "arm online is one of ladd and evaluate jobs"


@pytest.mark.parametrize(
    ("params", "field", "rule"),
    [
        ({"n": [5, 5]}, "n", "distinct"),
        ({"n": list(range(1, 10)), "ratio": [0.1 * part for part in range(1, 9)]}, "n", "within_points"),
        ({"labeler": {"epochs": 5}, "epochs": [6]}, "labeler.checkpoint_epochs", "within_epochs"),
        (
            {"evaluation": EVALUATION | {"trials": 2, "overrides": {"views": "progressive"}}},
            "evaluation.overrides.views",
            "one_policy",
        ),
        (
            {"n": [1], "evaluation": EVALUATION | {"overrides": {"views": "sampled:2"}}},
            "evaluation.overrides.views",
            "within_views",
        ),
    ],
)
def test_a_broken_rule_names_its_field(shelf: Any, params: dict[str, Any], field: str, rule: str) -> None:
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, dataset=shelf.distilled, **params)
    assert (f"body.params.{field}", rule) in {(reason.location, reason.rule) for reason in caught.value.reasons}
