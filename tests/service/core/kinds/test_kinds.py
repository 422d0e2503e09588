"""Every kind is planned with its defaults resolved, as the graph of tasks that the design gives."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.jobs import JobKind, JobRequest
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError
from service.core.kinds import KINDS
from service.core.queue.plan import Plan, Ref

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)


def planned(core: Core, kind: str, **params: Any) -> Plan:
    return KINDS[JobKind(kind)].plan(core, REQUEST.validate_python({"kind": kind, "params": params}).params)


def graph(plan: Plan) -> dict[str, list[str]]:
    return {task.name: list(task.after) for task in plan.tasks}


def test_every_kind_is_registered() -> None:
    assert set(KINDS) == set(JobKind)


def test_ingestion(shelf: Any) -> None:
    dataset = shelf.hand.upload(normalization="none")
    claimed = shelf.hand.claim(dataset.job, "ingest")
    assert claimed.params["metadata"]["normalization"] == "none"
    assert claimed.params["files"] == {"file_000": "images.pt"}
    assert claimed.inputs == {"uploads": {"file_000": f"uploads/{dataset.id}/file_000"}}
    assert claimed.documents["uploads"] == {}


def test_train_labeler(shelf: Any) -> None:
    plan = planned(shelf.core, "train_labeler", source_dataset=shelf.source, epochs=25)
    assert plan.params == {
        "source_dataset": shelf.source,
        "architecture": "ConvNetD3",
        "epochs": 25,
        "lr": 0.01,
        "batch_size": 256,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "checkpoint_epochs": [10, 20, 25],
        "augmentation": "color_crop_cutout_flip_scale_rotate",
        "normalization": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2]},
        "held_out": 0.0,
        "seed": 0,
    }
    (task,) = plan.tasks
    assert (task.name, task.queue, task.work, task.unit) == ("train_labeler", "gpu", 25 * (1000 + 100), "images")
    assert task.params["recipe"] == {key: value for key, value in plan.params.items() if key != "source_dataset"}
    assert {key: task.params[key] for key in ("mean", "num_classes", "channels", "size")} == {
        "mean": [0.5, 0.4, 0.3],
        "num_classes": 10,
        "channels": 3,
        "size": 32,
    }
    assert task.inputs == {"source": Ref("dataset", shelf.source)}
    assert plan.reads == [shelf.source]


def test_equal_trainings_make_the_same_labeler(shelf: Any) -> None:
    def labeler_id(source: str = shelf.source, **recipe: Any) -> Any:
        return planned(shelf.core, "train_labeler", source_dataset=source, **recipe).tasks[0].makes

    assert labeler_id() == labeler_id(lr=1e-2, checkpoint_epochs=[10, 10])
    # Another upload of the same images, and the same statistics by their values.
    assert labeler_id() == labeler_id(shelf.hand.ready_set("source"))
    named = {"mean": [0.4914, 0.4822, 0.4465], "std": [0.2023, 0.1994, 0.2010]}
    assert labeler_id(normalization="cifar10") == labeler_id(normalization=named)
    others: list[dict[str, Any]] = [
        {},
        {"seed": 1},
        {"epochs": 11},
        {"lr": 0.015},
        {"normalization": "cifar10"},
        {"architecture": "ViT"},
    ]
    assert len({labeler_id(**recipe) for recipe in others}) == len(others)


def test_generate_labels(shelf: Any) -> None:
    plan = planned(shelf.core, "generate_labels", dataset=shelf.distilled, labeler=shelf.labeler, views={"n": 3})
    assert plan.params == {
        "dataset": shelf.distilled,
        "labeler": shelf.labeler,
        "epoch": 10,
        "temperature": 1.0,
        "views": {"n": 3, "ratio": 0.625},
        "encoding": "float32",
        "images": "npy",
        "formats": [],
        "reuse": "auto",
        "test_normalization": "carried",
    }
    assert graph(plan) == {"generate_labels": [], "report": ["generate_labels"]}
    labelling, report = plan.tasks
    assert labelling.params == {
        "labelers": [{"id": shelf.labeler, "epochs": [10]}],
        "temperature": 1.0,
        "views": {"n": 3, "ratio": 0.625},
        "encoding": "float32",
        "images": "npy",
        "formats": [],
        "reuse": "auto",
        "mean": [0.5, 0.4, 0.3],
        "std": [0.2, 0.2, 0.2],
    }
    assert (labelling.work, labelling.unit) == (20 * (9 + 1), "views")
    assert labelling.inputs == {
        "dataset": Ref("dataset", shelf.distilled, ["images.npy", "labels.npy"]),
        "labeler_0": Ref("labeler", shelf.labeler),
    }
    assert report.queue == "io"
    assert report.inputs == {"results": Ref("after"), "labeler_0": Ref("labeler", shelf.labeler, [])}
    assert (report.params["source_dataset"], report.params["test_images"]) == (shelf.source, None)


@pytest.mark.parametrize(
    ("recipe", "epoch"), [({"epochs": 30}, 10), ({"epochs": 4}, 4), ({"epochs": 15, "checkpoint_epochs": [3, 7]}, 7)]
)
def test_the_papers_epoch_is_used_where_it_is_kept(shelf: Any, recipe: dict[str, Any], epoch: int) -> None:
    labeler = shelf.hand.trained_labeler(shelf.source, **recipe)
    assert planned(shelf.core, "generate_labels", dataset=shelf.distilled, labeler=labeler).params["epoch"] == epoch
    assert planned(shelf.core, "ladd", dataset=shelf.distilled, labeler=recipe).params["epoch"] == epoch


def test_evaluate(shelf: Any) -> None:
    plan = planned(
        shelf.core,
        "evaluate",
        dataset=shelf.augmented,
        trials=2,
        overrides={"epochs": 100, "views": "sampled:4"},
        explained_images=3,
    )
    assert plan.params == {
        "dataset": shelf.augmented,
        "datasets": None,
        "source_dataset": shelf.source,
        "protocol": "paper",
        "reuse": "auto",
        "arms": ["baseline", "ladd"],
        "architectures": ["ConvNetD3", "AlexNet", "VGG11", "ResNet18", "ViT"],
        "trials": 2,
        "recipe": "glad",
        "overrides": {"epochs": 100, "views": "sampled:4", "precision": "published", "seed_rule": 2},
        "seed": 0,
        "explained_images": 3,
        "keep_models": False,
        "curve_epochs": [],
        "plus_dataset": None,
        "test_normalization": "carried",
    }
    names = [task.name for task in plan.tasks]
    assert names[:5] == [
        "evaluate:baseline:ResNet18:0",
        "evaluate:ladd:ResNet18:0",
        "evaluate:baseline:ResNet18:1",
        "evaluate:ladd:ResNet18:1",
        "evaluate:baseline:VGG11:0",
    ]
    assert len(names) == 21
    assert graph(plan) == {name: [] for name in names[:-1]} | {"report": names[:-1]}
    baseline, ladd = plan.tasks[:2]
    assert ladd.params == {
        "dataset": shelf.augmented,
        "arm": "ladd",
        "architecture": "ResNet18",
        "trial": 0,
        "recipe": "glad",
        "overrides": {
            "epochs": 100,
            "views": "sampled:4",
            "precision": "published",
            "seed_rule": 2,
            "ema_beta": 0.95,
        },
        "seed": 0,
        "reuse": "auto",
        "explained_images": 3,
        "mean": [0.5, 0.4, 0.3],
        "std": [0.2, 0.2, 0.2],
        "learned_lr": 0.03,
        "alike": 2,
    }
    assert baseline.inputs["dataset"].files == ["images.npy", "labels.npy"]
    assert ladd.inputs["dataset"].files == ["images.npy", "labels.npy", "dense_labels.npy"]
    assert ladd.inputs["source"] == Ref("dataset", shelf.source, ["val_images.npy", "val_labels.npy"])
    assert plan.tasks[2].params["explained_images"] == 0
    assert plan.tasks[-1].params["test_images"] == 100
    assert plan.tasks[-1].inputs["source"] == Ref("dataset", shelf.source, ["val_images.npy"])
    assert {task.stage for task in plan.tasks} == {"evaluate", "report"}
    assert plan.reads == [shelf.augmented, shelf.source]


def test_own_statistics_of_a_set_are_used_in_training(shelf: Any) -> None:
    own = {"name": "glad_wp", "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "applied": True, "reason": ""}
    stats = shelf.hand.made_up_stats(normalization=own)
    plan = planned(shelf.core, "ladd", dataset=shelf.hand.ready_set(stats=stats, source_dataset=shelf.source))
    assert all(task.params["mean"] == [0.1, 0.2, 0.3] for task in plan.tasks[:-1])


def test_ladd(shelf: Any) -> None:
    plan = planned(
        shelf.core,
        "ladd",
        dataset=shelf.distilled,
        labeler={"seed": 7},
        evaluation={"architectures": ["ConvNetD3", "ResNet18"]},
    )
    rows = [
        f"evaluate:{arm}:{architecture}:{trial}"
        for architecture in ("ResNet18", "ConvNetD3")
        for trial in range(5)
        for arm in ("baseline", "ladd")
    ]
    assert graph(plan) == {
        "train_labeler": [],
        "generate_labels": ["train_labeler"],
        **{row: ["generate_labels"] for row in rows},
        "report": ["train_labeler", "generate_labels", *rows],
    }
    training, labelling, first, *_, report = plan.tasks
    assert labelling.inputs["labeler_0"].id == training.makes
    assert first.inputs["dataset"].id == first.params["dataset"] == labelling.makes != shelf.distilled
    assert report.inputs == {"results": Ref("after"), "labeler_0": Ref("labeler", str(training.makes), [])}
    assert plan.params["source_dataset"] == shelf.source
    assert plan.params["labeler"]["checkpoint_epochs"] == [10]
    assert plan.params["evaluation"]["trials"] == 5
    assert plan.reads == [shelf.distilled, shelf.source]


def test_ladd_reuses_a_labeler_that_is_there(shelf: Any) -> None:
    by_recipe = planned(shelf.core, "ladd", dataset=shelf.distilled, evaluation=None)
    by_id = planned(shelf.core, "ladd", dataset=shelf.distilled, labeler=shelf.labeler, evaluation=None)
    for plan in (by_recipe, by_id):
        assert graph(plan) == {"generate_labels": [], "report": ["generate_labels"]}
        assert plan.tasks[0].inputs["labeler_0"].id == shelf.labeler
    assert by_id.params["labeler"] == shelf.labeler
    assert planned(shelf.core, "ladd", dataset=shelf.distilled, labeler={"seed": 1}).tasks[0].name == "train_labeler"


def test_an_ensemble_is_one_labelling(shelf: Any) -> None:
    other = shelf.hand.trained_labeler(shelf.source, seed=5, epochs=3)
    both = {"ensemble": [shelf.labeler, other]}
    plan = planned(shelf.core, "generate_labels", dataset=shelf.distilled, labeler=both)
    alone = planned(shelf.core, "generate_labels", dataset=shelf.distilled, labeler=shelf.labeler)
    labelling, report = plan.tasks
    assert labelling.params["labelers"] == [{"id": shelf.labeler, "epochs": [10]}, {"id": other, "epochs": [3]}]
    assert {name for name in labelling.inputs if name.startswith("labeler")} == {"labeler_0", "labeler_1"}
    assert labelling.work == 2 * alone.tasks[0].work
    assert labelling.cost is not None
    assert alone.tasks[0].cost is not None
    assert labelling.cost.flops == 2 * alone.tasks[0].cost.flops
    assert plan.params["epoch"] is None  # the members use different ones
    assert [name for name in report.inputs if name.startswith("labeler")] == ["labeler_0", "labeler_1"]
    assert planned(shelf.core, "ladd", dataset=shelf.distilled, labeler=both).params["labeler"] == both


def test_an_automatic_epoch_is_chosen_among_all_by_held_out_images(shelf: Any) -> None:
    labeler = shelf.hand.trained_labeler(shelf.source, epochs=20, held_out=0.1)
    plan = planned(shelf.core, "generate_labels", dataset=shelf.distilled, labeler=labeler, epoch="auto")
    (task, _) = plan.tasks
    assert plan.params["epoch"] == "auto"
    assert task.params["labelers"] == [{"id": labeler, "epochs": [10, 20]}]
    assert task.inputs["source_0"] == Ref("dataset", shelf.source, ["train_images.npy", "train_labels.npy"])
    assert plan.reads == [shelf.distilled, shelf.source]


def test_ladd_holds_images_out_where_something_is_chosen(shelf: Any) -> None:
    recipe = {"epochs": 20, "seed": 9}
    plain = planned(shelf.core, "ladd", dataset=shelf.distilled, labeler=recipe)
    chosen = planned(shelf.core, "ladd", dataset=shelf.distilled, labeler=recipe, temperature="auto")
    assert (plain.params["labeler"]["held_out"], chosen.params["labeler"]["held_out"]) == (0.0, 0.1)
    assert plain.tasks[0].makes != chosen.tasks[0].makes
    assert "source_0" not in plain.tasks[1].inputs
    assert "source_0" in chosen.tasks[1].inputs


def few(shelf: Any, train: int) -> str:
    """A source set of so few train images a class."""
    named = [{"label": label, "name": str(label), "images": {"train": train, "val": 10}} for label in range(10)]
    stats = shelf.hand.made_up_stats("source", class_counts=named, splits={"train": 10 * train, "val": 100})
    return str(shelf.hand.ready_set("source", stats | {"num_images": 10 * train + 100}))


def test_one_image_of_each_class_is_held_out_of_few(shelf: Any) -> None:
    source = few(shelf, 4)
    labeler = shelf.hand.trained_labeler(source, epochs=20, held_out=0.1)
    found = shelf.core.catalogue.labeler(labeler)
    assert found.held_out_images == 10
    dataset = shelf.hand.ready_set(source_dataset=source)
    assert planned(shelf.core, "generate_labels", dataset=dataset, labeler=labeler, epoch="auto").tasks


def test_a_labeler_of_the_old_rule_that_held_nothing_out_is_not_chosen_by(shelf: Any) -> None:
    source = few(shelf, 4)
    job = shelf.hand.submit("train_labeler", source_dataset=source, epochs=30, held_out=0.1)
    task = redis_keys.task(job.id, "train_labeler")
    params = json.loads(shelf.core.redis.hget(task, "params"))
    del params["held_out_images"]  # as a task was planned before they were counted
    shelf.core.redis.hset(task, "params", json.dumps(params))
    before = shelf.hand.work(job.id).result.labeler
    dataset = shelf.hand.ready_set(source_dataset=source)
    with pytest.raises(ServiceError, match="held no image out of some classes"):
        planned(shelf.core, "generate_labels", dataset=dataset, labeler=before, epoch="auto")


def test_one_image_a_class_leaves_nothing_to_hold_out(shelf: Any) -> None:
    with pytest.raises(ServiceError, match=r"no class of .* has two train images") as caught:
        planned(shelf.core, "train_labeler", source_dataset=few(shelf, 1), held_out=0.5)
    assert [(reason.location, reason.rule) for reason in caught.value.reasons] == [
        ("body.params.held_out", "labeler_held_out")
    ]
