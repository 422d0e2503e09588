"""The paper's hard classes stand only beside the set that they were found on."""

from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from api_schemas.evaluation import Evaluation, EvaluationRow, PaperClass
from method.class_maps import wnids
from service.core.clients import Core
from service.core.lifecycle import paper_classes
from service.core.resources import jobs

TAGS = {"paper": "GLaD-MTT"}
Model = TypeVar("Model", bound=BaseModel)
IMAGENETTE = {"ipc": 5, "image_shape": [3, 128, 128]}


def part(model: type[Model], **fields: Any) -> Model:
    """A model with the fields that are looked at."""
    return model.model_construct(**fields)


def beside(
    core: Core,
    hand: Any,
    tags: dict[str, str] = TAGS,
    class_map: str = "imagenette",
    source: str | None = None,
    **stats: Any,
) -> list[PaperClass]:
    distilled = hand.ready_set(class_map=class_map, stats=hand.made_up_stats(**IMAGENETTE | stats))
    rows = [part(EvaluationRow, dataset=distilled, arm=arm) for arm in ("baseline", "ladd")]
    evaluation = part(Evaluation, source_dataset=source or hand.ready_set("source"), rows=rows)
    found = paper_classes.beside(core, tags, evaluation)
    assert all(each.dataset == distilled for each in found)
    return found


def test_the_papers_set_has_them_by_label(core: Core, hand: Any) -> None:
    found = beside(core, hand)
    assert [(each.label, each.arm, each.accuracy) for each in found] == [
        (3, "baseline", 32.0),
        (3, "ladd", 56.0),
        (5, "baseline", 36.0),
        (5, "ladd", 60.0),
        (7, "baseline", 32.0),
        (7, "ladd", 40.0),
        (8, "baseline", 40.0),
        (8, "ladd", 56.0),
    ]
    assert {each.source for each in found} == {"GLaD-MTT, imagenette at 128 px, 5 IPC (section 4.4)"}


@pytest.mark.parametrize(
    "changed",
    [{"tags": {}}, {"tags": {"paper": "MTT"}}, {"class_map": "imagewoof"}, {"ipc": 10}, {"image_shape": [3, 64, 64]}],
)
def test_another_set_has_none(core: Core, hand: Any, changed: dict[str, Any]) -> None:
    assert beside(core, hand, **changed) == []


def test_labels_are_those_of_the_source_set(core: Core, hand: Any) -> None:
    counts = [
        {"label": label, "name": name, "images": {"train": 1}}
        for label, name in enumerate(reversed(wnids("imagenette")))
    ]
    source = hand.ready_set("source", stats=hand.made_up_stats("source", class_counts=counts))
    found = beside(core, hand, source=source)
    assert [each.label for each in found] == [9 - label for label in (3, 3, 5, 5, 7, 7, 8, 8)]


def test_a_report_carries_them_and_the_names_of_the_classes(core: Core, hand: Any) -> None:
    source = hand.ready_set("source", stats=hand.made_up_stats("source", image_shape=[3, 128, 128]))
    distilled = hand.ready_set(class_map="imagenette", stats=hand.made_up_stats(**IMAGENETTE), source_dataset=source)
    few = {"architectures": ["ViT"], "trials": 1, "overrides": {"epochs": 1}}
    done = hand.work(hand.submit("ladd", dataset=distilled, tags=TAGS, evaluation=few).id)
    assert {each.dataset for each in jobs.report(core, done.id).paper_classes} == {done.result.dataset}
