"""The trainings of an evaluation: what they are called, in which order, how much work they are, and how many may be."""

from typing import Any

import pytest

from api_schemas.cost import CostName
from api_schemas.jobs import EvaluateParams, LaddParams
from method.architectures import ARCHITECTURES, training_flops
from method.arms import ARMS, LR_FACTORS
from method.layers import Shape
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.kinds import evaluate, ladd
from service.core.queue.plan import Plan, Ref, TaskPlan
from workers.ladd.deployment.cost import training_counts
from workers.ladd.recipes import resolve_recipe

THREE = {"epochs": 3, "precision": "published", "seed_rule": 2, "ema_beta": 0}
"""Overrides of a task of three epochs, too few for an average."""


def planned(core: Core, **params: Any) -> Plan:
    return evaluate.plan(core, EvaluateParams.model_validate(params))


def named(plan: Plan) -> dict[str, TaskPlan]:
    return {task.name: task for task in plan.tasks}


@pytest.mark.parametrize(
    ("spec", "baseline", "ladd"),
    [
        # 20 images, 25 views, 100 test images.
        ({}, 1000 * 20, 26_000 * 20),
        ({"overrides": {"views": "sampled:3"}}, 1000 * 20, 4000 * 20),
        ({"overrides": {"views": "pool"}}, 1000 * 20, 1000 * 20),
        ({"overrides": {"views": "progressive"}}, 1000 * 20, 2000 * 20),
        ({"overrides": {"epochs": 10}}, 200, 5200),
        ({"recipe": "mtt", "overrides": {"epochs": 10}}, 220, 5720),
    ],
)
def test_work_and_cost_count_every_forward(shelf: Any, spec: dict[str, Any], baseline: int, ladd: int) -> None:
    plan = planned(shelf.core, dataset=shelf.augmented, architectures=["ViT"], **spec)
    flops = training_flops("ViT", Shape(num_classes=10, channels=3, size=32))
    for task, forwards in zip(plan.tasks[:2], (baseline, ladd), strict=True):
        assert task.work == forwards + 100
        assert task.cost is not None
        assert (task.cost.part, task.cost.architecture, task.cost.precision) == (
            CostName.DEPLOYMENT,
            "ViT",
            "published",
        )
        assert (task.cost.flops, task.cost.bytes, task.cost.seconds) == (forwards * flops, 0, None)


@pytest.mark.parametrize(
    ("arm", "files", "forwards", "of_pool"),
    [
        ("baseline", [], 20, 20),
        ("full_soft", ["full_labels.npy"], 20, 20),
        ("full_both", ["full_labels.npy"], 20, 20),
        ("sub_hard", [], 60, 20),
        ("sub_soft", ["dense_labels.npy"], 60, 20),
        ("sub_both", ["dense_labels.npy"], 60, 20),
        ("ladd", ["dense_labels.npy"], 80, 20),
        ("baseline_best_lr", [], 4 * 20, 4 * 20),
        ("ladd_best_lr", ["dense_labels.npy"], 4 * 80, 4 * 20),
        ("baseline_noaug", [], 20, 20),
        ("random", [], 20, 20),
        ("random_noaug", [], 20, 20),
    ],
)
def test_every_arm_gets_its_labels_and_is_counted_right(
    shelf: Any, arm: str, files: list[str], forwards: int, of_pool: int
) -> None:
    for views, count in (("sampled:3", forwards), ("pool", of_pool)):
        overrides = {"views": views, "epochs": 10}
        plan = planned(
            shelf.core, dataset=shelf.augmented, arms=[arm], architectures=["ViT"], trials=1, overrides=overrides
        )
        trial = next(task for task in plan.tasks if task.stage == "evaluate")
        assert trial.inputs["dataset"].files == ["images.npy", "labels.npy", *files]
        assert trial.work == 10 * count + 100
        # As the engine counts it.
        recipe = resolve_recipe("glad", "ViT", overrides)
        each = training_counts(20, 25, ARMS[arm], recipe).forwards
        assert each * (len(LR_FACTORS) if ARMS[arm].best_lr else 1) == 10 * count


def test_a_recipe_brings_its_own_epochs_and_batches(shelf: Any) -> None:
    plan = planned(
        shelf.core,
        dataset=shelf.augmented,
        arms=["ladd"],
        architectures=["ViT"],
        trials=1,
        recipe="rded",
        overrides={"views": "sampled:1"},
    )
    trial = next(task for task in plan.tasks if task.stage == "evaluate")
    recipe = resolve_recipe("rded", "ViT", {"views": "sampled:1"}, images=20, num_classes=10)
    counts = training_counts(20, 25, ARMS["ladd"], recipe)
    assert trial.work == counts.forwards + 100 == 300 * 40 + 100
    assert (recipe.batch_size, counts.largest_step) == (10, 20)


def test_a_step_that_is_normalised_over_is_not_cut(shelf: Any) -> None:
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, dataset=shelf.augmented, architectures=["ViT", "ResNet18BN"], overrides={"micro_batch": 8})
    found = {(reason.location, reason.rule, reason.value) for reason in caught.value.reasons}
    assert ("body.params.overrides.micro_batch", "steps_stay_whole", "8") in found


def test_all_arms_of_a_whitened_set_are_trained_in_its_space(shelf: Any) -> None:
    plan = planned(
        shelf.core, dataset=shelf.whitened, arms=["baseline", "random", "real"], architectures=["ViT"], trials=1
    )
    trials = [task for task in plan.tasks if task.stage == "evaluate"]
    assert len({task.inputs["dataset"].id for task in trials}) == 3
    assert [task.inputs["whitening"] for task in trials] == 3 * [Ref("dataset", shelf.whitened, ["zca.safetensors"])]


def test_a_set_labelled_later_keeps_the_space_it_is_trained_in(shelf: Any) -> None:
    job = shelf.hand.work(shelf.hand.submit("generate_labels", dataset=shelf.whitened, labeler=shelf.labeler).id)
    plan = planned(shelf.core, dataset=job.result.dataset, arms=["ladd"], architectures=["ViT"], trials=1)
    assert plan.tasks[0].inputs["whitening"] == Ref("dataset", job.result.dataset, ["zca.safetensors"])


@pytest.mark.parametrize(("arm", "rule"), [("full_soft", "arm_has_full_labels"), ("sub_hard", "arm_has_dense_labels")])
def test_a_plain_set_lacks_what_most_arms_need(shelf: Any, arm: str, rule: str) -> None:
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, dataset=shelf.distilled, arms=["baseline", arm])
    (reason,) = caught.value.reasons
    assert (reason.location, reason.rule, reason.value) == ("body.params.arms", rule, arm)


def test_the_labeler_is_an_input_of_the_arm_that_asks_it_and_its_forwards_cost(shelf: Any) -> None:
    plan = planned(shelf.core, dataset=shelf.augmented, arms=["baseline", "online"], architectures=["ViT"], trials=1)
    plain, online = plan.tasks[:2]
    assert "labeler" not in plain.inputs
    assert online.inputs["labeler"] == Ref("labeler", shelf.labeler)
    assert online.inputs["dataset"] == plain.inputs["dataset"]
    assert plain.cost is not None
    assert online.cost is not None
    labeler = shelf.core.catalogue.labeler(shelf.labeler)
    assert online.cost.flops - plain.cost.flops == 1000 * 20 * labeler.forward_flops


def test_a_ladd_job_asks_the_labeler_that_it_trains(shelf: Any) -> None:
    params = {"dataset": shelf.distilled, "labeler": {"seed": 77}}
    evaluation = {"arms": ["online"], "architectures": ["ViT"], "trials": 1}
    plan = ladd.plan(shelf.core, LaddParams.model_validate({**params, "evaluation": evaluation}))
    tasks = named(plan)
    trial = tasks["evaluate:online:ViT:0"]
    assert trial.inputs["labeler"] == Ref("labeler", tasks["train_labeler"].makes or "")
    assert trial.after == ["generate_labels"]


@pytest.mark.parametrize(("dataset", "words"), [("distilled", "by one labeler alone"), ("whitened", "whitened space")])
def test_a_set_without_a_labeler_to_ask_is_refused(shelf: Any, dataset: str, words: str) -> None:
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, dataset=getattr(shelf, dataset), arms=["online"], architectures=["ViT"])
    (reason,) = caught.value.reasons
    assert (reason.location, reason.rule) == ("body.params.arms", "arm_has_labeler")
    assert words in reason.message


def test_a_curve_trains_everything_for_fewer_epochs_as_well(shelf: Any) -> None:
    plan = planned(
        shelf.core,
        dataset=shelf.augmented,
        architectures=["ViT"],
        trials=1,
        overrides={"epochs": 8, "warmup_epochs": 5, "views": "sampled:1"},
        curve_epochs=[2, 4],
        explained_images=3,
    )
    points = {task.name: task for task in plan.tasks if task.stage == "evaluate"}
    # The trainings that are quoted come first.
    assert {name: (task.work - 100, task.params["explained_images"]) for name, task in points.items()} == {
        "evaluate:baseline:ViT:0": (8 * 20, 3),
        "evaluate:ladd:ViT:0": (8 * 40, 3),
        "evaluate:baseline:ViT:0:e4": (4 * 20, 0),
        "evaluate:ladd:ViT:0:e4": (4 * 40, 0),
        "evaluate:baseline:ViT:0:e2": (2 * 20, 0),
        "evaluate:ladd:ViT:0:e2": (2 * 40, 0),
    }
    few = points["evaluate:ladd:ViT:0:e2"].params
    whole = points["evaluate:ladd:ViT:0"].params
    assert few["overrides"] == whole["overrides"] | {"epochs": 2, "warmup_epochs": 1, "ema_beta": 0}
    assert (few["seed"], few["trial"], few["alike"]) == (whole["seed"], 0, 3)
    assert plan.params["curve_epochs"] == [2, 4]
    assert plan.tasks[-1].after == list(points)


def test_precision_is_carried(shelf: Any) -> None:
    plan = planned(shelf.core, dataset=shelf.augmented, architectures=["ViT"], overrides={"precision": "fast"})
    assert plan.tasks[0].params["overrides"]["precision"] == "fast"
    assert plan.tasks[0].cost is not None
    assert plan.tasks[0].cost.precision == "fast"


@pytest.mark.parametrize("overrides", [{}, {"precision": None}])
def test_a_job_records_the_default_precision_by_its_name(shelf: Any, overrides: dict[str, Any]) -> None:
    plan = planned(shelf.core, dataset=shelf.augmented, architectures=["ViT"], overrides=overrides)
    assert plan.params["overrides"] == {"precision": "published", "seed_rule": 2}
    assert plan.tasks[0].params["overrides"] == {"precision": "published", "seed_rule": 2, "ema_beta": 0.995}


def test_trainings_that_one_compiled_network_serves_know_how_many_they_are(shelf: Any) -> None:
    arms = ["baseline", "full_soft", "ladd"]
    plan = planned(shelf.core, dataset=shelf.augmented, arms=arms, architectures=["ViT", "AlexNet"], trials=3)
    # Steps of 20 rows under two arms, of 520 under ladd.
    alike = {name: task.params["alike"] for name, task in named(plan).items() if task.stage == "evaluate"}
    assert {name.split(":")[1]: count for name, count in alike.items()} == {"baseline": 6, "full_soft": 6, "ladd": 3}
    # Under progressive views the confirmations have steps of their own.
    plan = planned(shelf.core, dataset=shelf.augmented, trials=3, overrides={"views": "progressive"})
    assert {task.params["alike"] for task in plan.tasks if task.stage in ("evaluate", "confirm")} == {3}


def test_tasks_of_several_sets_name_them(shelf: Any) -> None:
    sets = [shelf.augmented, shelf.distilled]
    architectures = ["AlexNet", "ViT"]
    plan = planned(shelf.core, datasets=sets, arms=["baseline"], architectures=architectures, trials=2)
    assert [task.name for task in plan.tasks] == [
        f"evaluate:{dataset}:baseline:{architecture}:{trial}"
        for architecture in architectures
        for trial in range(2)
        for dataset in sets
    ] + ["report"]


@pytest.mark.parametrize(
    ("spec", "field", "rule", "value"),
    [
        ({"curve_epochs": [2, 8]}, "curve_epochs", "below_epochs", "8"),
        ({"curve_epochs": [2, 2]}, "curve_epochs", "distinct", "2"),
        ({"curve_epochs": [2], "overrides": {"views": "progressive"}}, "curve_epochs", "one_policy", "[2]"),
    ],
)
def test_a_curve_has_fewer_epochs_and_one_policy(
    shelf: Any, spec: dict[str, Any], field: str, rule: str, value: str
) -> None:
    overrides = {"epochs": 8} | spec.get("overrides", {})
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, dataset=shelf.augmented, **spec | {"overrides": overrides})
    (reason,) = caught.value.reasons
    assert (reason.location, reason.rule, reason.value) == (f"body.params.{field}", rule, value)


@pytest.mark.parametrize(
    ("spec", "field", "rule", "value", "message"),
    [
        (
            {"trials": 100, "curve_epochs": [1, 2]},
            "trials",
            "within_trainings",
            "3000",
            "2 arms of 1 sets x 5 architectures x 100 trials x 3 numbers of epochs = 3,000 trainings",
        ),
        (
            {"sets": 3, "trials": 67},
            "trials",
            "within_trainings",
            "2010",
            "6 arms of 3 sets x 5 architectures x 67 trials = 2,010 trainings, but a job has at most 2,000",
        ),
        (
            {
                "trials": 100,
                "architectures": [each for each in ARCHITECTURES if each not in ("ConvNetD5", "ResNet18BN")],
            }
            | {"overrides": {"views": "progressive"}, "sets": 2},
            "trials",
            "within_trainings",
            "3600",
            "6 arms of 2 sets (ladd counts twice under progressive views) x 6 architectures",
        ),
        (
            {"overrides": {"epochs": 100_000}},
            "overrides.epochs",
            "within_report",
            "100000",
            "50 trainings x (up to 100,000 epochs + 10 classes + 100 test images / 120) = 5,000,500 numbers, "
            "but a report holds at most 2,500,000",
        ),
    ],
)
def test_a_job_has_a_largest_size(
    shelf: Any, spec: dict[str, Any], field: str, rule: str, value: str, message: str
) -> None:
    wanted = dict(spec)
    sets = [shelf.augmented, *(another_set(shelf) for _ in range(wanted.pop("sets", 1) - 1))]
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, datasets=sets, **wanted)
    (reason,) = caught.value.reasons
    assert (reason.location, reason.rule, reason.value) == (f"body.params.{field}", rule, value)
    assert message in reason.message


def another_set(shelf: Any) -> str:
    job = shelf.hand.work(shelf.hand.submit("generate_labels", dataset=shelf.distilled, labeler=shelf.labeler).id)
    return str(job.result.dataset)
