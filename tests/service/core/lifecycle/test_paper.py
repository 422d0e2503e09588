"""The paper's numbers stand only beside what is the paper's own set, as the job's tag says."""

from typing import Any

import pytest

from api_schemas.evaluation import Evaluation
from method.architectures import default_architectures
from service.core.clients import Core
from service.core.lifecycle import paper
from service.core.resources import jobs

TAGS = {"paper": "GLaD-MTT"}
IMAGENETTE = {"ipc": 5, "image_shape": [3, 128, 128]}


def numbers(
    core: Core, hand: Any, tags: dict[str, str] = TAGS, class_map: str = "imagenette", **stats: Any
) -> list[tuple[str, float]]:
    source = hand.ready_set("source")
    distilled = hand.ready_set(class_map=class_map, stats=hand.made_up_stats(**IMAGENETTE | stats))
    return beside(core, tags, source, distilled, default_architectures(128))


def beside(
    core: Core, tags: dict[str, str], source: str, dataset: str, architectures: list[Any]
) -> list[tuple[str, float]]:
    summary = [
        {
            "dataset": dataset,
            "arm": arm,
            "k": len(architectures),
            "architectures": architectures,
            "cae_mean": 1,
            "cae_std": 1,
        }
        for arm in ("baseline", "sub_soft", "baseline_best_lr", "ladd")
    ]
    document = {"source_dataset": source, "test_images": 500, "rows": [], "summary": summary, "comparisons": []}
    found = paper.beside(core, tags, Evaluation.model_validate(document))
    assert all(number.dataset == dataset for number in found)
    assert all(number.source == "GLaD-MTT, imagenette at 128 px, 5 IPC (Table 6)" for number in found)
    return [(number.arm, number.cae_mean) for number in found]


def test_each_arm_of_the_papers_set_has_its_number(core: Core, hand: Any) -> None:
    assert numbers(core, hand) == [("baseline", 44.2), ("sub_soft", 51.1), ("ladd", 53.9)]


def test_the_source_set_may_name_the_classes(core: Core, hand: Any) -> None:
    source = hand.ready_set("source", class_map="imagenette")
    distilled = hand.ready_set(stats=hand.made_up_stats(**IMAGENETTE))
    assert len(beside(core, TAGS, source, distilled, default_architectures(128))) == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"tags": {}},
        {"tags": {"paper": "GLaD"}},
        {"class_map": "imagewoof"},
        {"class_map": "auto"},
        {"ipc": 10},
        {"ipc": None},
        {"image_shape": [3, 64, 64]},
    ],
)
def test_another_set_has_none(core: Core, hand: Any, changed: dict[str, Any]) -> None:
    assert numbers(core, hand, **changed) == []


def test_other_architectures_have_none(core: Core, hand: Any) -> None:
    source = hand.ready_set("source")
    distilled = hand.ready_set(class_map="imagenette", stats=hand.made_up_stats(**IMAGENETTE))
    assert beside(core, TAGS, source, distilled, default_architectures(128)[:4]) == []
    assert beside(core, TAGS, source, distilled, default_architectures(64)) == []


def test_of_a_label_augmented_set_the_point_must_be_the_papers(core: Core, hand: Any) -> None:
    source = hand.ready_set("source", stats=hand.made_up_stats("source", image_shape=[3, 128, 128]))
    distilled = hand.ready_set(class_map="imagenette", stats=hand.made_up_stats(**IMAGENETTE), source_dataset=source)
    labeler = hand.trained_labeler(source)
    for n, shown in ((5, 3), (4, 0)):
        job = hand.submit("generate_labels", dataset=distilled, labeler=labeler, views={"n": n})
        made = hand.work(job.id).result.dataset
        assert len(beside(core, TAGS, source, made, default_architectures(128))) == shown


def test_a_report_carries_the_numbers(core: Core, hand: Any) -> None:
    source = hand.ready_set("source", stats=hand.made_up_stats("source", image_shape=[3, 128, 128]))
    distilled = hand.ready_set(class_map="imagenette", stats=hand.made_up_stats(**IMAGENETTE), source_dataset=source)
    job = hand.submit("ladd", dataset=distilled, tags=TAGS, evaluation={"trials": 1, "overrides": {"epochs": 1}})
    done = hand.work(job.id)
    augmented = done.result.dataset
    shown = jobs.report(core, job.id).paper
    assert [(number.dataset, number.arm, number.cae_mean) for number in shown] == [
        (augmented, "baseline", 44.2),
        (augmented, "ladd", 53.9),
    ]
