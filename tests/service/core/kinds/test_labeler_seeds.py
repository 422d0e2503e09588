"""Labelers that differ by seed alone label the same images, and trials take the labels of each in turn."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.jobs import JobKind, JobRequest, JobState
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.kinds import KINDS
from service.core.queue.plan import Plan

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)


def planned(core: Core, **params: Any) -> Plan:
    return KINDS[JobKind.LADD].plan(core, REQUEST.validate_python({"kind": "ladd", "params": params}).params)


def evaluation(*arms: str, trials: int = 3) -> dict[str, Any]:
    return {"architectures": ["ViT"], "trials": trials, "overrides": {"epochs": 1}, "arms": list(arms)}


def test_each_labeler_labels_and_trials_take_turns(shelf: Any) -> None:
    spec = evaluation("baseline", "ladd", "random_ladd", "online")
    recipe = {"seed": 7, "epochs": 3}
    plan = planned(shelf.core, dataset=shelf.distilled, labeler=recipe, labeler_seeds=2, evaluation=spec)
    tasks = {task.name: task for task in plan.tasks}
    trained = [tasks[name] for name in ("train_labeler", "train_labeler:seed1")]
    assert [task.params["recipe"]["seed"] for task in trained] == [7, 8]
    assert {**trained[0].params, "recipe": trained[1].params["recipe"]} == trained[1].params
    first, second = (task.params["recipe"] for task in trained)
    assert {**first, "seed": 8} == second
    labelled = [tasks[name] for name in ("generate_labels", "generate_labels:seed1")]
    assert [task.inputs["labeler_0"].id for task in labelled] == [task.makes for task in trained]
    assert [task.after for task in labelled] == [["train_labeler"], ["train_labeler:seed1"]]

    of_random = [tasks[name] for name in ("generate_labels:random", "generate_labels:random-seed1")]
    assert [task.after for task in of_random] == [
        ["train_labeler", "random_set"],
        ["train_labeler:seed1", "random_set"],
    ]
    trials = {(task.params["arm"], task.params["trial"]): task for task in plan.tasks if task.stage == "evaluate"}
    for arm, sets in (("ladd", labelled), ("random_ladd", of_random), ("online", labelled)):
        for number, turn in enumerate((0, 1, 0)):
            trial = trials[arm, number]
            assert (trial.inputs["dataset"].id, trial.after) == (sets[turn].makes, [sets[turn].name])
            assert (trial.params["dataset"], trial.params["labels_of"]) == (sets[0].makes, sets[turn].makes)
    asked = [trials["online", number].inputs["labeler"].id for number in range(3)]
    assert asked == [trained[turn].makes for turn in (0, 1, 0)]
    # What has no labels of a labeler is of the first set throughout.
    assert {trials["baseline", number].inputs["dataset"].id for number in range(3)} == {labelled[0].makes}
    assert "labels_of" not in trials["baseline", 1].params
    assert plan.params["labeler_seeds"] == 2
    named = [name for name in tasks["report"].inputs if name.startswith("labeler_")]
    assert named == ["labeler_0", "labeler_1"]


def test_one_seed_plans_what_was_planned_before_there_were_several(shelf: Any) -> None:
    plan = planned(shelf.core, dataset=shelf.distilled, labeler={"seed": 7}, evaluation=evaluation("baseline", "ladd"))
    assert [task.name for task in plan.tasks][:2] == ["train_labeler", "generate_labels"]
    assert not any("labels_of" in task.params for task in plan.tasks)


def test_a_job_with_several_labelers_runs_to_its_report(shelf: Any) -> None:
    spec = evaluation("baseline", "ladd", trials=2)
    job = shelf.hand.submit("ladd", dataset=shelf.distilled, labeler={"seed": 50}, labeler_seeds=2, evaluation=spec)
    done = shelf.hand.work(job.id)
    assert (done.state, done.result.labeler) == (JobState.SUCCEEDED, None)
    assert shelf.core.catalogue.dataset(done.result.dataset).augmentation.parent == shelf.distilled


@pytest.mark.parametrize(
    ("params", "rule"),
    [
        ({"labeler": "LABELER", "evaluation": evaluation("ladd")}, "labeler_is_trained"),
        ({"labeler": {}, "evaluation": evaluation("ladd", trials=1)}, "within_trials"),
        ({"labeler": {}, "evaluation": None}, "within_trials"),
    ],
)
def test_each_labeler_is_trained_and_has_a_trial(shelf: Any, params: dict[str, Any], rule: str) -> None:
    named = {name: shelf.labeler if value == "LABELER" else value for name, value in params.items()}
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, dataset=shelf.distilled, labeler_seeds=2, **named)
    (reason,) = caught.value.reasons
    assert (reason.location, reason.rule, reason.value) == ("body.params.labeler_seeds", rule, "2")


def test_a_fault_of_the_recipe_is_told_once(shelf: Any) -> None:
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, dataset=shelf.distilled, labeler={"augmentation": "colour"}, labeler_seeds=3)
    assert [reason.location for reason in caught.value.reasons] == ["body.params.labeler.augmentation"]
