"""Every preset is a job that can be planned as it is written out."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.jobs import JobRequest
from api_schemas.problems import ErrorCode
from method.arms import ARMS
from service.core.foundation.errors import ServiceError
from service.core.kinds import KINDS
from service.core.resources.presets import PRESETS, expand

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)


def planned(shelf: Any, name: str) -> Any:
    request = REQUEST.validate_python(expand(shelf.core, name, shelf.distilled).model_dump())
    return KINDS[request.kind].plan(shelf.core, request.params)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_planned_with_its_protocol(shelf: Any, name: str) -> None:
    body = expand(shelf.core, name, shelf.distilled)
    assert body.tags == {"preset": name}
    assert body.params["source_dataset"] == shelf.source
    evaluation = planned(shelf, name).params["evaluation"]
    trials, epochs, reduction = (2, 24, "mean") if name == "quick" else (5, 1000, "sum")
    assert (evaluation["trials"], evaluation["recipe"]) == (trials, "glad")
    assert (evaluation["overrides"]["epochs"], evaluation["overrides"]["reduction"]) == (epochs, reduction)
    # What is written out is what the job has: nothing but nulls is left to the server.
    assert body.params["evaluation"].items() <= evaluation.items()


def test_table_1_is_without_vit(shelf: Any) -> None:
    four = ["ConvNetD3", "AlexNet", "VGG11", "ResNet18"]
    assert planned(shelf, "paper-table1").params["evaluation"]["architectures"] == four
    assert planned(shelf, "paper-table2").params["evaluation"]["architectures"] == [*four, "ViT"]


def test_table_6_has_a_row_for_every_arm_that_the_paper_reports(shelf: Any) -> None:
    arms = planned(shelf, "paper-table6").params["evaluation"]["arms"]
    controls = {"baseline_best_lr", "random", "random_ladd", "baseline_plus", "online"}
    assert set(arms) == set(ARMS) - controls
    [reported] = PRESETS["paper-table6"].paper
    assert set(arms) == set(reported.arms)


def test_figure_3_has_steps_of_the_same_size_for_both_arms(shelf: Any) -> None:
    trials = {task.name: task for task in planned(shelf, "paper-fig3").tasks if task.stage == "evaluate"}
    baseline, ladd = (trials[f"evaluate:{arm}:AlexNet:0"] for arm in ("baseline", "ladd"))
    assert (ladd.work, ladd.cost.flops) == (baseline.work, baseline.cost.flops)


def test_figure_2_has_what_the_distillation_took(shelf: Any) -> None:
    [report] = [task for task in planned(shelf, "paper-fig2").tasks if task.name == "report"]
    [labelling] = [task for task in planned(shelf, "paper-fig2").tasks if task.name == "generate_labels"]
    assert (report.params["distillation"]["flops"], labelling.makes[:3]) == (1e15, "ds_")
    with pytest.raises(ServiceError) as caught:
        expand(shelf.core, "paper-fig2", shelf.lonely, source_dataset=shelf.source)
    assert [(why.location, why.rule) for why in caught.value.reasons] == [
        ("query.dataset", "distillation_flops_are_known")
    ]


def test_figure_5_labels_with_every_tenth_epoch_of_one_labeler(shelf: Any) -> None:
    tasks = planned(shelf, "paper-fig5").tasks
    [training] = [task for task in tasks if task.stage == "train_labeler"]
    assert (training.params["recipe"]["epochs"], training.params["recipe"]["lr"]) == (50, 0.015)
    points = [task.name for task in tasks if task.stage == "generate_labels"]
    assert points == [f"generate_labels:n5-r0.625-e{epoch}" for epoch in (10, 20, 30, 40, 50)]


def test_the_method_becomes_a_tag(shelf: Any) -> None:
    body = expand(shelf.core, "paper-table2", shelf.lonely, shelf.source, "AST")
    assert body.tags == {"preset": "paper-table2", "paper": "AST"}


def test_what_cannot_be_expanded_is_refused(shelf: Any, refused: Any) -> None:
    with refused(ErrorCode.NOT_FOUND):
        expand(shelf.core, "paper-table9", shelf.distilled)
    with refused(ErrorCode.INVALID_REQUEST) as caught:
        expand(shelf.core, "paper-table1", shelf.lonely)
    assert [found.location for found in caught.value.reasons] == ["query.source_dataset"]
    with refused(ErrorCode.INVALID_REQUEST) as caught:
        expand(shelf.core, "paper-table1", shelf.source)
    assert [(found.location, found.rule) for found in caught.value.reasons] == [("query.dataset", "is_distilled_set")]
