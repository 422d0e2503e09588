"""Every preset is a job that can be planned as it is written out."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.jobs import JobRequest
from api_schemas.problems import ErrorCode
from method.arms import TABLE_6
from service.core.foundation.errors import ServiceError
from service.core.kinds import KINDS
from service.core.lifecycle.presets import PRESETS
from service.core.resources import jobs
from service.core.resources.presets import expand

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)


def planned(shelf: Any, name: str) -> Any:
    request = REQUEST.validate_python(expand(shelf.core, name, shelf.distilled).model_dump())
    return KINDS[request.kind].plan(shelf.core, request.params)


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "paper-table3"])
def test_a_preset_is_planned_with_its_protocol(shelf: Any, name: str) -> None:
    body = expand(shelf.core, name, shelf.distilled)
    assert body.tags == {"preset": name}
    assert body.params["source_dataset"] == shelf.source
    evaluation = planned(shelf, name).params["evaluation"]
    trials, epochs, reduction = (3, 24, "mean") if name == "quick" else (5, 1000, "sum")
    assert (evaluation["recipe"], evaluation["overrides"]["epochs"]) == ("glad", epochs)
    assert (evaluation["trials"], evaluation["overrides"]["reduction"]) == (trials, reduction)
    assert evaluation["test_normalization"] == ("carried" if name == "quick" else "as_published")
    # What is written out is what the job has: nothing but nulls is left to the server.
    assert body.params["evaluation"].items() <= evaluation.items()


def test_every_table_and_every_figure_but_the_drawing_is_a_preset() -> None:
    tables = {f"paper-table{number}" for number in range(1, 7)}
    figures = {f"paper-fig{number}" for number in (2, 3, 4, 5)}
    assert set(PRESETS) == {"quick", *tables, *figures}
    page = (Path(__file__).parents[4] / "docs" / "paper.md").read_text(encoding="utf-8")
    assert set(re.findall(r"paper-(?:table|fig)\d", page)) == {*tables, *figures}


def test_table_3_is_one_job_on_a_set_of_rded(shelf: Any) -> None:
    stats = shelf.hand.made_up_stats
    source = shelf.hand.ready_set("source", stats=stats("source", image_shape=[3, 224, 224]))
    of_rded = shelf.hand.ready_set(stats=stats(ipc=10, image_shape=[3, 224, 224]), source_dataset=source)
    preset = PRESETS["paper-table3"]
    body = expand(shelf.core, preset.name, of_rded)
    request = REQUEST.validate_python(body.model_dump())
    evaluation = KINDS[request.kind].plan(shelf.core, request.params).params["evaluation"]
    assert body.params["evaluation"].items() <= evaluation.items()
    assert (evaluation["architectures"], evaluation["overrides"]["epochs"]) == (["ResNet18BN"], 300)
    assert (evaluation["trials"], evaluation["recipe"]) == (5, "rded")
    assert evaluation["test_normalization"] == "as_published"
    assert evaluation["arms"] == ["baseline", "full_soft", "ladd", "online", "random", "random_ladd"]
    assert preset.sets is not None
    assert (preset.sets.class_maps, preset.sets.resolution, preset.sets.ipc) == (["imagenet"], None, [10])
    numbers = {(row.method, arm): mean for row in preset.paper for arm, mean in row.arms.items()}
    # SRe2L's labels are of other crops in every epoch, which no arm has.
    assert numbers == {
        ("TESLA", "baseline"): 7.7,
        ("RDED", "baseline"): 12.4,
        ("RDED", "full_soft"): 23.6,
        ("RDED", "ladd"): 28.8,
        ("RDED", "online"): 42.0,
    }


@pytest.mark.parametrize(
    ("name", "class_maps", "ipc", "numbers"),
    [
        ("paper-table1", ["imagenette"], [1, 5, 10, 20], 36),
        ("paper-table2", ["imagenette"], [10], 36),
        ("paper-table4", ["imagenette", "imagefruit", "imagewoof", "imagemeow", "imagesquawk"], [5], 30),
        ("paper-table5", ["imagenette"], [5], 12),
        ("paper-table6", ["imagenette"], [5], 42),
        ("paper-fig2", ["imagenette"], [], 0),
        ("paper-fig5", ["imagenette"], [5], 0),
    ],
)
def test_a_preset_has_its_sets_and_its_numbers(name: str, class_maps: list[str], ipc: list[int], numbers: int) -> None:
    preset = PRESETS[name]
    assert preset.sets is not None
    assert (preset.sets.class_maps, preset.sets.resolution, preset.sets.ipc) == (class_maps, 128, ipc)
    assert sum(len(row.arms) for row in preset.paper) == numbers
    of_figure = {row.source for row in preset.paper}
    assert of_figure <= {preset.title.partition(":")[0]}


def test_claims_stand_with_their_table_or_figure() -> None:
    assert [(claim.value, claim.unit) for claim in PRESETS["paper-fig2"].claims] == [(0.002, "PFLOP"), (211, "PFLOP")]
    [gain] = PRESETS["paper-table4"].claims
    assert (gain.value, gain.recomputed, gain.remark) == (14.9, 14.87, None)
    conclusion = [claim for claim in PRESETS["paper-table1"].claims if claim.value == 12.9]
    assert [claim.remark for claim in conclusion] == ["section 4.2 has 13.2 %"]
    [slip] = [row for row in PRESETS["paper-table2"].paper if row.remarks]
    assert (slip.method, slip.arms["ladd"], slip.stds["ladd"]) == ("MTT", 51.8, 1.3)


def test_table_1_is_without_vit_and_has_baseline_plus_where_its_set_is_named(shelf: Any) -> None:
    four = ["ConvNetD3", "AlexNet", "VGG11", "ResNet18"]
    assert planned(shelf, "paper-table1").params["evaluation"]["architectures"] == four
    assert planned(shelf, "paper-table2").params["evaluation"]["architectures"] == [*four, "ViT"]
    assert "baseline_plus" not in planned(shelf, "paper-table1").params["evaluation"]["arms"]
    three = shelf.hand.ready_set(stats=shelf.hand.made_up_stats(ipc=3, num_images=30), source_dataset=shelf.source)
    body = expand(shelf.core, "paper-table1", shelf.distilled, plus_dataset=three)
    evaluation = (
        KINDS[body.kind].plan(shelf.core, REQUEST.validate_python(body.model_dump()).params).params["evaluation"]
    )
    assert evaluation["arms"] == ["baseline", "baseline_plus", "ladd", "random", "random_ladd"]
    assert evaluation["plus_dataset"] == three


def test_table_6_has_a_row_for_every_arm_that_the_paper_reports_and_random_images(shelf: Any) -> None:
    arms = planned(shelf, "paper-table6").params["evaluation"]["arms"]
    assert arms == [*TABLE_6, "random", "random_ladd"]
    reported = PRESETS["paper-table6"].paper
    assert [row.k for row in reported] == [1, 1, 1, 1, 1, 5]
    assert all(set(row.arms) == set(TABLE_6) for row in reported)


def test_figure_4_explains_images_with_one_network(shelf: Any) -> None:
    evaluation = planned(shelf, "paper-fig4").params["evaluation"]
    assert (evaluation["architectures"], evaluation["explained_images"]) == (["ConvNetD3"], 16)


def test_a_job_says_in_what_it_is_not_the_table(shelf: Any) -> None:
    def notes(name: str, dataset: str, source: str = shelf.source) -> list[str]:
        request = REQUEST.validate_python(expand(shelf.core, name, dataset, source).model_dump())
        return list(jobs.validate(shelf.core, request).notes)

    of_table_2 = [
        f"Table 2 of the paper has 10 images per class, {shelf.distilled} has 2.",
        f"Table 2 of the paper has images of 128 px, {shelf.distilled} of 32 px.",
        f"Table 2 of the paper is about imagenette, {shelf.distilled} about other classes, as far as names tell.",
    ]
    assert notes("paper-table2", shelf.distilled) == of_table_2
    [ipc, _, _, arms] = notes("paper-table1", shelf.distilled)
    assert ipc == f"Table 1 of the paper has 1, 5, 10, 20 images per class, {shelf.distilled} has 2."
    assert arms.startswith("Table 1: the preset's arms baseline_plus are left out: name plus_dataset")
    assert notes("quick", shelf.distilled) == []
    stats = shelf.hand.made_up_stats
    source = shelf.hand.ready_set("source", stats=stats("source", image_shape=[3, 128, 128]))
    ten_ipc = stats(ipc=10, image_shape=[3, 128, 128])
    of_the_paper = shelf.hand.ready_set(stats=ten_ipc, class_map="imagenette", source_dataset=source)
    body = expand(shelf.core, "paper-table2", of_the_paper).model_dump()
    assert jobs.validate(shelf.core, REQUEST.validate_python(body)).notes == []
    body["tags"] = {"preset": "paper-table5"}
    job, _ = jobs.submit(shelf.core, REQUEST.validate_python(body), None)
    assert job.notes == [f"Table 5 of the paper has 5 images per class, {of_the_paper} has 10."]
    of_fruit = shelf.hand.ready_set(stats=ten_ipc, class_map="imagefruit")
    assert notes("paper-table2", of_fruit, source) == [
        f"Table 2 of the paper is about imagenette, {of_fruit} about other classes, as far as names tell."
    ]


def test_of_an_evaluation_the_arms_are_its_own(shelf: Any) -> None:
    arms = ["baseline", "ladd", "random"]
    params = {"dataset": shelf.augmented, "arms": arms, "trials": 1}
    request = REQUEST.validate_python({"kind": "evaluate", "params": params, "tags": {"preset": "paper-table2"}})
    told = [note for note in jobs.validate(shelf.core, request).notes if "arms" in note]
    assert told == ["Table 2: the preset's arms random_ladd are left out."]


def test_figure_3_has_steps_of_the_same_size_for_both_arms(shelf: Any) -> None:
    trials = {task.name: task for task in planned(shelf, "paper-fig3").tasks if task.stage == "evaluate"}
    baseline, ladd = (trials[f"evaluate:{arm}:AlexNet:0"] for arm in ("baseline", "ladd"))
    assert (ladd.work, ladd.cost.flops) == (baseline.work, baseline.cost.flops)
    assert {trials[f"evaluate:ladd:AlexNet:0:e{epochs}"].work - 100 for epochs in (100, 200, 500)} == {
        epochs * 20 for epochs in (100, 200, 500)
    }


def test_figure_2_has_what_the_distillation_took(shelf: Any) -> None:
    [report] = [task for task in planned(shelf, "paper-fig2").tasks if task.name == "report"]
    [labelling] = [task for task in planned(shelf, "paper-fig2").tasks if task.name == "generate_labels"]
    assert (report.params["preparations"][0]["distillation"], labelling.makes[:3]) == (1e15, "ds_")
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
        expand(shelf.core, "paper-table2", shelf.distilled, plus_dataset=shelf.five)
    assert [(found.location, found.rule) for found in caught.value.reasons] == [("query.plus_dataset", "has_its_arm")]
    with refused(ErrorCode.INVALID_REQUEST) as caught:
        expand(shelf.core, "paper-table1", shelf.source)
    assert [(found.location, found.rule) for found in caught.value.reasons] == [("query.dataset", "is_distilled_set")]
