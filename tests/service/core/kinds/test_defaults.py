"""Defaults that a set cannot bear are left out of a job, which says so; what was asked for is refused."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.jobs import JobKind, JobRequest
from service.core.foundation.errors import ServiceError
from service.core.kinds import KINDS
from service.core.lifecycle.reports import report_key
from service.core.queue.plan import Plan
from service.core.resources import jobs, presets

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)
WITHOUT = {
    28: ["VGG11 needs images of at least 32 px, these have 28 px"],
    30: [
        "VGG11 needs images of at least 32 px, these have 30 px",
        "ViT needs an image size that 4 px patches divide, these have 30 px",
    ],
    40: ["ViT needs an image size that 16 px patches divide, these have 40 px"],
    150: ["ViT needs an image size that 16 px patches divide, these have 150 px"],
    8: [
        "VGG11 needs images of at least 32 px, these have 8 px",
        "ResNet18 needs images of at least 9 px, these have 8 px",
    ],
}


def planned(shelf: Any, kind: str, **params: Any) -> Plan:
    return KINDS[JobKind(kind)].plan(shelf.core, REQUEST.validate_python({"kind": kind, "params": params}).params)


def pair(shelf: Any, size: int) -> dict[str, str]:
    """A distilled set of images of this size with its source set."""
    stats = shelf.hand.made_up_stats
    source = shelf.hand.ready_set("source", stats=stats("source", image_shape=[3, size, size]))
    distilled = shelf.hand.ready_set(stats=stats(image_shape=[3, size, size]), source_dataset=source)
    return {"dataset": distilled, "source_dataset": source}


@pytest.mark.parametrize(("size", "misfits"), WITHOUT.items())
def test_default_architectures_that_do_not_fit_are_left_out(shelf: Any, size: int, misfits: list[str]) -> None:
    sets = pair(shelf, size)
    left_out = {misfit.partition(" ")[0] for misfit in misfits}
    for kind, path in (("evaluate", ""), ("ladd", "evaluation."), ("sweep", "evaluation.")):
        asked = {"arms": ["baseline"]}
        plan = planned(shelf, kind, **sets, **(asked if kind == "evaluate" else {"evaluation": asked}))
        assert list(plan.notes) == [
            f"{path}architectures: {misfit}; it is left out of the default ones" for misfit in misfits
        ]
        chosen = set((plan.params if kind == "evaluate" else plan.params["evaluation"])["architectures"])
        assert len(chosen) == 5 - len(left_out)
        assert not chosen & left_out
    assert (
        set(presets.expand(shelf.core, "paper-table2", sets["dataset"]).params["evaluation"]["architectures"]) == chosen
    )


def test_an_architecture_that_was_asked_for_is_refused(shelf: Any) -> None:
    with pytest.raises(ServiceError) as caught:
        planned(shelf, "evaluate", **pair(shelf, 28), arms=["baseline"], architectures=["VGG11", "AlexNet"])
    assert [(why.location, why.value) for why in caught.value.reasons] == [("body.params.architectures", "VGG11")]


def test_the_default_arm_that_needs_dense_labels_is_left_out_for_a_plain_set(shelf: Any) -> None:
    plan = planned(shelf, "evaluate", dataset=shelf.distilled)
    assert plan.params["arms"] == ["baseline"]
    assert list(plan.notes) == [
        f"arms: {shelf.distilled} has no dense labels: the default arm ladd is left out of its own"
    ]
    both = planned(shelf, "evaluate", datasets=[shelf.distilled, shelf.augmented])
    assert both.params["arms"] == ["baseline", "ladd"]
    trained = {(task.params["dataset"], task.params["arm"]) for task in both.tasks if task.stage == "evaluate"}
    assert trained == {(shelf.distilled, "baseline"), (shelf.augmented, "baseline"), (shelf.augmented, "ladd")}
    assert not planned(shelf, "evaluate", dataset=shelf.augmented).notes


def test_the_note_stays_with_the_job_its_retry_and_its_report(shelf: Any) -> None:
    job = shelf.hand.submit("ladd", **pair(shelf, 28), evaluation={"trials": 1})
    [note] = job.notes
    assert "VGG11" in note
    jobs.cancel(shelf.core, job.id)
    again, _ = jobs.retry(shelf.core, job.id)
    assert again.notes == [note]
    assert shelf.core.storage.get_json(f"jobs/{again.id}/request.json")["notes"] == [note]
    assert shelf.hand.work(again.id).notes == [note]
    assert shelf.core.storage.get_json(report_key(again.id))["notes"][0] == note


@pytest.mark.parametrize(
    ("kind", "params"),
    [("ladd", {}), ("sweep", {}), ("evaluate", {"arms": ["baseline"]})],
    ids=["ladd", "sweep", "evaluate"],
)
def test_quick_trains_the_one_convnet_that_fits(shelf: Any, kind: str, params: dict[str, Any]) -> None:
    plan = planned(shelf, kind, dataset=shelf.distilled, protocol="quick", **params)
    evaluation = plan.params if kind == "evaluate" else plan.params["evaluation"]
    assert plan.params["protocol"] == "quick"
    assert (evaluation["architectures"], evaluation["trials"]) == (["ConvNetD3"], 3)
    assert evaluation["overrides"]["epochs"] == 24
    if kind != "evaluate":
        assert (plan.params["labeler"]["epochs"], plan.params["labeler"]["momentum"]) == (3, 0.9)
