"""Control arms train on sets of their own: random real images, those with dense labels, one image more per class."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.jobs import JobKind, JobRequest, JobState
from api_schemas.runner import TaskType
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.kinds import KINDS
from service.core.queue.plan import Plan, Ref

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)
ALL = ["baseline", "ladd", "random", "random_ladd", "baseline_plus"]


def planned(core: Core, kind: str, **params: Any) -> Plan:
    return KINDS[JobKind(kind)].plan(core, REQUEST.validate_python({"kind": kind, "params": params}).params)


def evaluation(*arms: str, **fields: Any) -> dict[str, Any]:
    return {"architectures": ["ConvNetD3"], "trials": 1, "overrides": {"epochs": 1}, "arms": list(arms), **fields}


@pytest.fixture(scope="module")
def plus(shelf: Any) -> str:
    """A set of three images per class, where the others have two."""
    stats = shelf.hand.made_up_stats(num_images=30, ipc=3, splits={"all": 30}, learned_lr=0.07)
    return str(shelf.hand.ready_set(stats=stats, source_dataset=shelf.source))


def test_ladd_plans_a_set_for_each_control(shelf: Any, plus: str) -> None:
    spec = evaluation(*ALL, plus_dataset=plus, seed=3)
    plan = planned(shelf.core, "ladd", dataset=shelf.distilled, labeler={"seed": 7}, views={"n": 3}, evaluation=spec)
    tasks = {task.name: task for task in plan.tasks}
    picking, labelling, own = tasks["random_set"], tasks["generate_labels:random"], tasks["generate_labels"]
    assert (picking.type, picking.queue, picking.work, picking.params) == (TaskType.RANDOM_SET, "cpu", 20, {"seed": 3})
    assert picking.inputs == {
        "dataset": Ref("dataset", shelf.distilled, ["labels.npy"]),
        "source": Ref("dataset", shelf.source, ["train_images.npy", "train_labels.npy"]),
    }
    # The same labeler, views and encoding, of other images.
    assert labelling.params == own.params
    assert labelling.after == ["train_labeler", "random_set"]
    assert labelling.inputs["labeler_0"] == own.inputs["labeler_0"]
    assert labelling.inputs["dataset"].id == picking.makes

    trials = {task.params["arm"]: task for task in plan.tasks if task.type is TaskType.EVALUATE}
    sets = {arm: (trial.params["dataset"], trial.after) for arm, trial in trials.items()}
    assert sets == {
        "baseline": (own.makes, ["generate_labels"]),
        "ladd": (own.makes, ["generate_labels"]),
        "random": (picking.makes, ["random_set"]),
        "random_ladd": (labelling.makes, ["generate_labels:random"]),
        "baseline_plus": (plus, ()),
    }
    assert len({dataset for dataset, _ in sets.values()}) == 4
    # 20 images, with 9 views each; 30 of the larger set.
    assert {arm: trial.work - 100 for arm, trial in trials.items()} == {
        "baseline": 20,
        "ladd": 200,
        "random": 20,
        "random_ladd": 200,
        "baseline_plus": 30,
    }
    assert trials["random_ladd"].inputs["dataset"].files == ["images.npy", "labels.npy", "dense_labels.npy"]
    learned = {arm: trial.params["learned_lr"] for arm, trial in trials.items()}
    assert learned == {**dict.fromkeys(ALL, 0.03), "baseline_plus": 0.07}
    assert plan.reads == [shelf.distilled, shelf.source, plus]
    assert plan.params["evaluation"]["plus_dataset"] == plus
    # The report counts the bytes of its images and labels.
    assert tasks["report"].inputs["plus"] == Ref("dataset", plus, ["images.npy", "labels.npy"])


def test_soft_labels_of_the_set_are_not_those_of_random_images(shelf: Any) -> None:
    stats = shelf.hand.made_up_stats(dtype="float32", soft_labels="logits")
    dataset = shelf.hand.ready_set(stats=stats, source_dataset=shelf.source)
    plan = planned(shelf.core, "evaluate", dataset=dataset, **evaluation("baseline", "random"))
    files = {task.params["arm"]: task.inputs["dataset"].files for task in plan.tasks if task.stage == "evaluate"}
    assert files == {
        "baseline": ["images.npy", "labels.npy", "soft_labels.npy"],
        "random": ["images.npy", "labels.npy"],
    }


def test_a_job_with_controls_runs_to_its_report(shelf: Any, plus: str) -> None:
    spec = evaluation(*ALL, plus_dataset=plus)
    job = shelf.hand.submit("ladd", dataset=shelf.distilled, labeler=shelf.labeler, evaluation=spec)
    made = {
        task.params["arm"]: task.params["dataset"]
        for task in shelf.core.store.load(job.id).tasks
        if "arm" in task.params
    }
    done = shelf.hand.work(job.id)
    assert done.state is JobState.SUCCEEDED
    assert done.result.dataset == made["ladd"]
    picked, labelled = (shelf.core.catalogue.dataset(made[arm]) for arm in ("random", "random_ladd"))
    assert (picked.name, picked.metadata.source_dataset, picked.augmentation) == (
        "distilled set (random real images)",
        shelf.source,
        None,
    )
    assert set(picked.blobs) == {"images.npy", "labels.npy", "preview.png"}
    assert labelled.augmentation.parent == picked.id
    assert "preview.png" in labelled.blobs


@pytest.mark.parametrize("kind", ["evaluate", "sweep"])
def test_other_kinds_train_the_plain_controls_once(shelf: Any, plus: str, kind: str) -> None:
    arms = ["baseline", "baseline_noaug", "ladd", "random", "random_noaug", "real", "baseline_plus"]
    spec = evaluation(*arms, plus_dataset=plus)
    if kind == "evaluate":
        plan = planned(shelf.core, kind, dataset=shelf.augmented, **spec)
    else:
        plan = planned(shelf.core, kind, dataset=shelf.distilled, labeler=shelf.labeler, n=[2, 3], evaluation=spec)
    trained = [task.params["arm"] for task in plan.tasks if task.stage == "evaluate"]
    assert sorted(trained) == sorted([*arms, *["ladd"] * (kind == "sweep")])
    assert len([task for task in plan.tasks if task.type is TaskType.RANDOM_SET]) == 1
    assert plus in plan.reads
    assert "random_set" in plan.tasks[-1].after


def test_a_sweep_matches_the_baseline_to_each_grid(shelf: Any) -> None:
    spec = evaluation("baseline_matched", "ladd", overrides={"epochs": 10})
    plan = planned(shelf.core, "sweep", dataset=shelf.distilled, labeler=shelf.labeler, n=[2, 3], evaluation=spec)
    work: dict[str, dict[str, int]] = {}
    for task in plan.tasks:
        if task.stage == "evaluate":
            work.setdefault(task.params["dataset"], {})[task.params["arm"]] = task.work - 100
    assert list(work.values()) == [dict.fromkeys(("ladd", "baseline_matched"), 10 * 20 * views) for views in (5, 10)]


def test_progressive_views_leave_controls_alone(shelf: Any) -> None:
    spec = evaluation("baseline", "ladd", "random", "random_ladd", overrides={"views": "progressive"}) | {"trials": 2}
    plan = planned(shelf.core, "ladd", dataset=shelf.distilled, labeler=shelf.labeler, evaluation=spec)
    assert {task.params["arm"] for task in plan.tasks if task.stage == "confirm"} == {"ladd"}
    assert all(":random" not in name for task in plan.tasks if task.stage == "confirm" for name in task.after)


@pytest.mark.parametrize(
    ("kind", "spec", "field", "rule"),
    [
        ("ladd", evaluation("baseline_plus"), "evaluation.plus_dataset", "required"),
        ("ladd", evaluation("baseline", plus_dataset="PLUS"), "evaluation.plus_dataset", "has_its_arm"),
        ("ladd", evaluation("baseline_plus", plus_dataset="DISTILLED"), "evaluation.plus_dataset", "one_image_more"),
        ("ladd", evaluation("baseline_plus", plus_dataset="SOURCE"), "evaluation.plus_dataset", "is_distilled_set"),
        ("ladd", evaluation("baseline_plus", plus_dataset="GREY"), "evaluation.plus_dataset", "same_image_shape"),
        ("sweep", evaluation("baseline", "random_ladd"), "evaluation.arms", "arm_is_labelled"),
        ("evaluate", evaluation("random_ladd"), "arms", "arm_is_labelled"),
    ],
)
def test_a_broken_rule_names_its_field(
    shelf: Any, plus: str, kind: str, spec: dict[str, Any], field: str, rule: str
) -> None:
    ids = {"PLUS": plus, "DISTILLED": shelf.distilled, "SOURCE": shelf.source, "GREY": shelf.grey}
    named = spec | ({"plus_dataset": ids[spec["plus_dataset"]]} if "plus_dataset" in spec else {})
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, kind, dataset=shelf.distilled, **(named if kind == "evaluate" else {"evaluation": named}))
    assert (f"body.params.{field}", rule) in {(reason.location, reason.rule) for reason in caught.value.reasons}


def test_controls_are_of_one_set(shelf: Any) -> None:
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, "evaluate", datasets=[shelf.distilled, shelf.augmented], **evaluation("baseline", "random"))
    (reason,) = caught.value.reasons
    assert (reason.location, reason.rule, reason.value) == ("body.params.arms", "arm_of_one_set", "random")


def test_real_images_must_be_enough(shelf: Any) -> None:
    def counted(split: str, images: int) -> list[dict[str, Any]]:
        return [{"label": label, "name": f"class {label}", "images": {split: images}} for label in range(10)]

    source = shelf.hand.ready_set("source", stats=shelf.hand.made_up_stats("source", class_counts=counted("train", 1)))
    stats = shelf.hand.made_up_stats(class_counts=counted("all", 2))
    dataset = shelf.hand.ready_set(stats=stats, source_dataset=source)
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, "evaluate", dataset=dataset, **evaluation("random"))
    assert {(reason.location, reason.rule) for reason in caught.value.reasons} == {
        ("body.params.arms", "enough_real_images")
    }
    assert "2 images of class class 0; source.train has 1" in caught.value.reasons[0].message
