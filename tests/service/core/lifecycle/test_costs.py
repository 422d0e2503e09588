"""The cost of a job, from its submission to its report."""

import json
from dataclasses import replace
from typing import Any

import pytest

from api_schemas.cost import Cost, CostName
from api_schemas.jobs import Job, JobState
from api_schemas.problems import ErrorOrigin
from method.architectures import forward_flops, parameter_count, training_flops
from method.layers import Shape
from service.core.clients import Core
from service.core.foundation.redis_keys import RATES
from service.core.lifecycle import rates, tasks
from service.core.resources import jobs

CONVNET = "ConvNetD3"
SHAPE = Shape(num_classes=10, channels=3, size=32)
SOFT_LABELS = 20 * (25 + 1) * 10 * 4


def test_a_whole_job_is_predicted_part_by_part(ladd: Job) -> None:
    # 1,000 training images, 10 epochs, one checkpoint; 20 distilled images of 1,234 bytes, 25 views; 2 epochs.
    assert ladd.cost is not None
    predicted = ladd.cost.predicted
    both = sum(training_flops(each, SHAPE) for each in (CONVNET, "ResNet18"))
    expected = {
        "labeler_training": (1000 * 10 * training_flops(CONVNET, SHAPE), 4 * parameter_count(CONVNET, SHAPE)),
        "labelling": (20 * 26 * forward_flops(CONVNET, SHAPE), 2 * SOFT_LABELS + 1234),
        "deployment": (2 * 20 * (1 + 26) * both, 0),
    }
    for part, (flops, size) in expected.items():
        cost = getattr(predicted, part)
        assert (cost.flops, cost.bytes, cost.seconds, cost.basis) == (flops, size, None, "nominal")
        # Nobody has timed anything: a core of 20 to 150 GFLOP/s.
        assert cost.seconds_range == [pytest.approx(flops / 1.5e11), pytest.approx(flops / 2e10)]
    nothing = Cost(flops=0, bytes=0, seconds=0.0)
    counted = ladd.cost.counted
    assert (counted.labelling, counted.labeler_training, counted.deployment) == (nothing, nothing, nothing)


def test_what_finished_tasks_used_is_counted(core: Core, hand: Any, ladd: Job) -> None:
    hand.finish(hand.claim(ladd.id, "train_labeler"))
    counted = jobs.view(core, ladd.id).cost.counted  # type: ignore[union-attr]
    assert counted.labeler_training is not None
    assert counted.labeler_training.flops == 10**12
    labeler = core.catalogue.labelers(limit=1)[0][0]
    assert counted.labeler_training.bytes == sum(blob.bytes for blob in labeler.blobs.values())
    assert (counted.labelling, counted.deployment) == (Cost(flops=0, bytes=0, seconds=0.0),) * 2
    done = hand.work(ladd.id)
    report = jobs.report(core, ladd.id)
    assert report.cost == done.cost
    assert done.cost.counted.deployment.flops == 4 * 10**9
    assert done.cost.predicted == ladd.cost.predicted  # type: ignore[union-attr]
    held = [attempt for task in done.tasks for attempt in task.attempts if task.stage == "evaluate"]
    assert done.cost.counted.deployment.seconds == pytest.approx(
        sum((attempt.finished_at - attempt.started_at).total_seconds() for attempt in held)
    )


def test_a_prediction_of_before_there_were_ranges_has_none(core: Core, ladd: Job) -> None:
    for task in ladd.tasks:
        key = f"ladd:task:{ladd.id}:{task.name}"
        cost = json.loads(core.redis.hget(key, "cost") or "null")
        if cost is not None:
            del cost["seconds_range"]
            core.redis.hset(key, "cost", json.dumps(cost))
    predicted = jobs.view(core, ladd.id).cost.predicted  # type: ignore[union-attr]
    assert predicted.deployment is not None
    assert (predicted.deployment.seconds_range, predicted.deployment.basis) == (None, None)


def test_a_failed_attempt_held_a_device_too(core: Core, hand: Any, ladd: Job) -> None:
    hand.fail(hand.claim(ladd.id, "train_labeler"), ErrorOrigin.WORKER)
    core.redis.hset(f"ladd:task:{ladd.id}:train_labeler", mapping={"start:1": 1000, "end:1": 8500})
    hand.claim(ladd.id, "train_labeler")
    job = jobs.view(core, ladd.id)
    assert job.cost is not None
    assert job.cost.counted.labeler_training == Cost(flops=0, bytes=0, seconds=7.5)


def test_a_reused_labeler_costs_nothing(core: Core, hand: Any, ladd: Job) -> None:
    hand.work(ladd.id)
    again = hand.submit("ladd", dataset=ladd.params["dataset"], evaluation=None)
    assert again.cost.predicted.labeler_training == Cost(flops=0, bytes=0, seconds=0.0)
    assert again.cost.predicted.deployment is None
    labelled = again.cost.predicted.labelling
    assert labelled.flops == 20 * 26 * forward_flops(CONVNET, SHAPE)
    # The first job has shown how fast labels are written.
    assert labelled.seconds > 0
    assert labelled.basis == "measured"
    assert labelled.seconds_range == [pytest.approx(labelled.seconds / 1.5), pytest.approx(labelled.seconds * 1.5)]


def test_a_labeler_trained_by_another_job_meanwhile_costs_nothing(core: Core, hand: Any, ladd: Job) -> None:
    second = hand.submit("ladd", dataset=ladd.params["dataset"], evaluation=None)
    hand.finish(hand.claim(ladd.id, "train_labeler"))
    assert tasks.claim(core, second.id, "train_labeler", "hand") is None
    counted = jobs.view(core, second.id).cost.counted.labeler_training  # type: ignore[union-attr]
    assert counted is not None
    assert (counted.flops, counted.bytes) == (0, 0)


def test_a_second_job_is_predicted_by_the_speed_of_the_first(core: Core, hand: Any, ladd: Job) -> None:
    hand.work(ladd.id)
    evaluation = ladd.params["evaluation"]
    again = hand.submit("ladd", dataset=ladd.params["dataset"], evaluation=evaluation)
    noted = core.redis.hgetall(RATES)
    assert noted["device"] == "cpu"
    expected = sum(
        2 * 20 * (1 + 26) * training_flops(each, SHAPE) / float(noted[f"cpu {CostName.DEPLOYMENT} {each} published"])
        for each in (CONVNET, "ResNet18")
    )
    assert again.cost.predicted.deployment.seconds == pytest.approx(expected)
    job = core.store.load(again.id)
    assert job is not None
    told = {task.cost.architecture: task.params["rates"] for task in job.tasks if task.type == "evaluate" and task.cost}
    assert told == {
        each: {"cpu": pytest.approx(float(noted[f"cpu {CostName.DEPLOYMENT} {each} published eager"]))}
        for each in (CONVNET, "ResNet18")
    }
    unseen = hand.submit("ladd", dataset=ladd.params["dataset"], evaluation=evaluation | {"architectures": ["ViT"]})
    assert unseen.cost.predicted.deployment.seconds is None
    mixed = hand.submit(
        "ladd", dataset=ladd.params["dataset"], evaluation=evaluation | {"architectures": [CONVNET, "ViT"]}
    )
    assert mixed.cost.predicted.deployment.basis == "nominal"
    assert mixed.cost.predicted.labelling.basis == "measured"
    # A prediction stays what it was, whatever is learned afterwards.
    assert jobs.view(core, ladd.id).cost.predicted == ladd.cost.predicted  # type: ignore[union-attr]


def test_of_a_shared_gpu_a_trial_counts_its_part(core: Core, hand: Any, ladd: Job) -> None:
    hand.work(ladd.id, until="evaluate:ladd:ResNet18:0")
    claimed = hand.claim(ladd.id, "evaluate:ladd:ResNet18:0")
    before = jobs.view(core, ladd.id).cost.counted.deployment.seconds  # type: ignore[union-attr]
    core.redis.delete(RATES)
    assert tasks.succeed(core, claimed, {"row": {"flops": 10**12}}, {}, held=2.5)
    counted = jobs.view(core, ladd.id).cost.counted.deployment.seconds  # type: ignore[union-attr]
    assert counted == pytest.approx(before + 2.5)  # type: ignore[operator]
    assert claimed.cost is not None
    [predicted] = rates.timed(core, [replace(claimed.cost, flops=10**12)])
    assert predicted is not None
    assert predicted.seconds == 2.5


def test_an_attempt_that_went_on_from_a_checkpoint_says_nothing_about_speed(core: Core, hand: Any, ladd: Job) -> None:
    first = hand.claim(ladd.id, "train_labeler")
    assert tasks.keep_checkpoint(core, first, {"resume.pt": hand.file(b"epoch 9")})
    hand.fail(first, ErrorOrigin.WORKER)
    hand.finish(hand.claim(ladd.id, "train_labeler"))
    assert core.redis.exists(RATES) == 0


def test_a_retried_job_keeps_its_prediction_and_what_was_counted(core: Core, hand: Any, ladd: Job) -> None:
    hand.finish(hand.claim(ladd.id, "train_labeler"))
    jobs.cancel(core, ladd.id)
    again, _ = jobs.retry(core, ladd.id)
    assert again.cost == jobs.view(core, ladd.id).cost


def test_other_kinds_have_their_one_part(core: Core, hand: Any, ladd: Job) -> None:
    def parts(job: Job) -> set[CostName]:
        assert job.cost is not None
        return {part for part in CostName if getattr(job.cost.predicted, part) is not None}

    assert parts(ladd) == set(CostName)
    done = hand.work(ladd.id)
    assert done.state is JobState.SUCCEEDED
    training = hand.submit("train_labeler", source_dataset=ladd.params["source_dataset"], seed=1)
    assert parts(training) == {CostName.LABELER_TRAINING}
    labelling = hand.submit("generate_labels", dataset=ladd.params["dataset"], labeler=done.result.labeler)
    assert parts(labelling) == {CostName.LABELLING}
    evaluation = hand.submit("evaluate", dataset=done.result.dataset, arms=["baseline"])
    assert parts(evaluation) == {CostName.DEPLOYMENT}
    ingestion = jobs.view(core, hand.upload().job)
    assert ingestion.cost is None


def test_more_flops_than_a_double_can_hold_are_counted_exactly(core: Core, hand: Any, ladd: Job) -> None:
    hand.work(ladd.id, until="evaluate:ladd:ResNet18:0")
    claimed = hand.claim(ladd.id, "evaluate:ladd:ResNet18:0")
    flops = 2**60 + 1
    before = jobs.view(core, ladd.id).cost.counted.deployment.flops  # type: ignore[union-attr]
    assert tasks.succeed(core, claimed, {"row": {"flops": flops}}, {})
    assert jobs.view(core, ladd.id).cost.counted.deployment.flops == before + flops  # type: ignore[union-attr]
