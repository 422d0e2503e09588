"""Trials are run once for a set, arm, architecture, recipe and seed, and again where any of these differs."""

from typing import Any

import pytest

from api_schemas.jobs import Job, JobState
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.kinds import reused_trials
from service.core.resources import datasets, events, jobs
from service.core.upkeep.rebuild_index import rebuild_index
from tests.service.core.hand import Hand

SPEC: dict[str, Any] = {"arms": ["baseline"], "architectures": ["ConvNetD3"], "trials": 3, "overrides": {"epochs": 2}}


class Evaluations:
    """Evaluations of one set."""

    def __init__(self, core: Core, hand: Hand) -> None:
        self.core, self.hand = core, hand
        self.source = hand.ready_set("source", content=b"same ")
        self.dataset = self.distilled()

    def distilled(self, content: bytes = b"own ", **metadata: Any) -> str:
        return self.hand.ready_set(source_dataset=self.source, content=content, **metadata)

    def run(self, **params: Any) -> Job:
        """Run a job to its end."""
        started = self.hand.submit("evaluate", **{"dataset": self.dataset, **SPEC, **params})
        job = self.hand.work(started.id)
        assert job.state is JobState.SUCCEEDED
        return job


def trained(job: Job) -> list[str]:
    """Return the trials that the job has run itself."""
    return [task.name for task in job.tasks if task.stage == "evaluate" and task.reused_from is None]


@pytest.fixture
def evaluations(core: Core, hand: Hand) -> Evaluations:
    return Evaluations(core, hand)


def test_five_trials_after_three_train_two(core: Core, evaluations: Evaluations) -> None:
    first = evaluations.run()
    second = evaluations.run(trials=5)
    assert trained(second) == ["evaluate:baseline:ConvNetD3:3", "evaluate:baseline:ConvNetD3:4"]
    assert {task.reused_from for task in second.tasks[:3]} == {first.id}
    report = jobs.report(core, second.id)
    assert report.evaluation is not None
    [row] = report.evaluation.rows
    assert [trial.reused_from for trial in row.trials] == [first.id] * 3 + [None] * 2
    assert row.mean == 52.0
    counts = [job.cost.counted.deployment for job in (first, second) if job.cost is not None]
    assert [count.flops for count in counts if count is not None] == [3 * 10**9, 2 * 10**9]


def test_readers_are_told_of_trials_that_are_taken(core: Core, evaluations: Evaluations) -> None:
    first = evaluations.run(trials=1)
    second = evaluations.run(trials=1)
    [row] = [event.data["values"] for event in events.read(core, second.id, None, 100) if event.type == "row"]
    assert (row["accuracy"], row["reused_from"]) == (50.0, first.id)


@pytest.mark.parametrize(
    "changed",
    [
        {"reuse": "never"},
        {"seed": 1},
        {"overrides": {"epochs": 3}},
        {"overrides": {"epochs": 2, "precision": "exact"}},
        {"overrides": {"epochs": 2, "seed_rule": 1}},
        {"recipe": "mtt"},
        {"architectures": ["ResNet18"]},
        {"arms": ["baseline_noaug"]},
        {"explained_images": 1},
    ],
)
def test_what_differs_is_run_anew(evaluations: Evaluations, changed: dict[str, Any]) -> None:
    evaluations.run(trials=1)
    assert trained(evaluations.run(trials=1, **changed))


def test_another_set_source_or_code_is_run_anew(
    hand: Hand, evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluations.run(trials=1)
    normalization = {"name": "given", "mean": [0.4] * 3, "std": [0.2] * 3, "applied": False, "reason": ""}
    other_statistics = evaluations.distilled(stats=hand.made_up_stats(normalization=normalization))
    assert trained(evaluations.run(trials=1, dataset=evaluations.distilled(b"other ")))
    assert trained(evaluations.run(trials=1, dataset=other_statistics))
    assert trained(evaluations.run(trials=1, source_dataset=hand.ready_set("source", content=b"other ")))
    monkeypatch.setattr(reused_trials, "CODE_VERSION", "another")
    assert trained(evaluations.run(trials=1))


def test_an_equal_set_counts_as_the_same(core: Core, hand: Hand, evaluations: Evaluations) -> None:
    """Its name is its own; files of the same bytes are the same."""
    first = evaluations.run(trials=1)
    twin = evaluations.distilled(name="a twin")
    shared = core.catalogue.dataset(evaluations.dataset), core.catalogue.dataset(twin)
    assert shared[0] is not None
    assert shared[1] is not None
    index = shared[1].model_copy(update={"blobs": shared[0].blobs}).index
    core.redis.hset(index["key"], mapping=index["fields"])
    again = evaluations.run(trials=1, dataset=twin)
    assert again.tasks[0].reused_from == first.id
    report = jobs.report(core, again.id)
    assert report.evaluation is not None
    assert report.evaluation.rows[0].dataset == twin, "a row names the set of its own job"


def test_an_evaluation_takes_the_trials_of_the_job_that_made_its_labels(hand: Hand, evaluations: Evaluations) -> None:
    arms = {"arms": ["baseline", "ladd"]}
    spec: dict[str, Any] = {"labeler": {"epochs": 1}, "evaluation": SPEC | arms}
    whole = hand.work(hand.submit("ladd", dataset=evaluations.dataset, **spec).id)
    assert len(trained(whole)) == 6
    assert whole.result is not None
    assert trained(evaluations.run(dataset=whole.result.dataset, **arms)) == []
    plain = evaluations.run()
    assert trained(plain) == [], "the baseline sees nothing of the labels"
    other = hand.work(hand.submit("ladd", dataset=evaluations.dataset, **spec | {"views": {"n": 3}}).id)
    assert {name.split(":")[1] for name in trained(other)} == {"ladd"}


def test_the_jobs_do_not_depend_on_each_other(core: Core, evaluations: Evaluations) -> None:
    first = evaluations.run()
    second = evaluations.run()
    jobs.delete(core, first.id)
    third = evaluations.run()
    assert trained(third) == []
    assert third.tasks[0].reused_from == first.id, "the one that ran it"
    for job in (second, third):
        jobs.delete(core, job.id)
    assert list(core.redis.scan_iter(redis_keys.computed("*"))) == []
    assert len(trained(evaluations.run())) == 3


def test_trials_are_another_tenants_neither_to_take_nor_to_learn_of(core: Core, hand_of: Any, hand: Hand) -> None:
    for acting in (core, core.acting_for("them")):
        evaluations = Evaluations(acting, hand_of(acting, hand.folder))
        assert len(trained(evaluations.run())) == 3


def test_a_rebuilt_index_knows_what_was_run(core: Core, evaluations: Evaluations) -> None:
    first = evaluations.run()
    core.redis.flushdb()
    rebuild_index(core)
    second = evaluations.run()
    assert {task.reused_from for task in second.tasks[:3]} == {first.id}


def test_a_trial_of_an_unfinished_job_is_taken(core: Core, hand: Hand, evaluations: Evaluations) -> None:
    begun = hand.submit("evaluate", dataset=evaluations.dataset, **SPEC)
    hand.finish(hand.claim(begun.id, "evaluate:baseline:ConvNetD3:1"))
    jobs.cancel(core, begun.id)
    assert trained(evaluations.run()) == ["evaluate:baseline:ConvNetD3:0", "evaluate:baseline:ConvNetD3:2"]


def test_trials_of_an_earlier_versions_plan_are_run(core: Core, hand: Hand, evaluations: Evaluations) -> None:
    evaluations.run(trials=1)
    planned = hand.submit("evaluate", dataset=evaluations.dataset, **SPEC | {"trials": 1})
    key = redis_keys.task(planned.id, planned.tasks[0].name)
    params = core.redis.hget(key, "params")
    assert params is not None
    core.redis.hset(key, "params", str(params).replace('"reuse": "auto", ', ""))
    assert trained(hand.work(planned.id))


def test_a_set_may_be_deleted_whose_trials_are_kept(core: Core, evaluations: Evaluations) -> None:
    first = evaluations.run()
    datasets.delete(core, evaluations.dataset)
    assert jobs.view(core, first.id).state is JobState.SUCCEEDED
