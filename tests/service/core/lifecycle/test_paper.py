"""The paper's numbers stand only beside what is the paper's own set, as the job's tag says."""

from collections.abc import Sequence
from typing import Any

import pytest

from api_schemas.evaluation import Evaluation, PaperNumber
from method.architectures import default_architectures
from method.class_maps import wnids
from method.paper import FIVE, FOUR
from service.core.clients import Core
from service.core.lifecycle import paper
from service.core.resources import jobs

TAGS = {"paper": "GLaD-MTT"}
PIXELS = [3, 128, 128]
IMAGENETTE = {"ipc": 5, "image_shape": PIXELS}


def row(dataset: str, arm: str, architecture: str, mean: float, in_summary: bool = True) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "arm": arm,
        "architecture": architecture,
        "trials": [],
        "mean": mean,
        "std": 1.0,
        "ci95": None,
        "labels": "hard",
        "epochs": 1000,
        "steps": 1000,
        "forwards": 1,
        "images_seen": 1,
        "flops": 1,
        "seconds": 1.0,
        "recipe": {},
        "rule": "last epoch",
        "in_summary": in_summary,
    }


def beside(core: Core, tags: dict[str, str], source: str, rows: Sequence[dict[str, Any]]) -> list[PaperNumber]:
    document = {"source_dataset": source, "test_images": 500, "rows": rows, "summary": [], "comparisons": []}
    return paper.beside(core, tags, Evaluation.model_validate(document))


def numbers(
    core: Core,
    hand: Any,
    tags: dict[str, str] = TAGS,
    class_map: str = "imagenette",
    arms: Sequence[str] = ("baseline", "baseline_best_lr", "ladd"),
    architectures: Sequence[str] = FIVE,
    **stats: Any,
) -> dict[tuple[str, str | None, int], tuple[float, list[str]]]:
    """Return {(arm, network, k): (the paper's number, its tables)} beside an evaluation where every mean is 50."""
    distilled = hand.ready_set(class_map=class_map, stats=hand.made_up_stats(**IMAGENETTE | stats))
    rows = [row(distilled, arm, architecture, 50) for arm in arms for architecture in architectures]
    found = beside(core, tags, hand.ready_set("source"), rows)
    assert all(number.dataset == distilled for number in found)
    assert [number.difference for number in found] == [pytest.approx(50 - number.cae_mean) for number in found]
    places = [(number.arm, number.architecture, len(number.architectures)) for number in found]
    return dict(zip(places, ((number.cae_mean, number.tables) for number in found), strict=True))


def test_every_cell_of_the_papers_set_stands_beside_its_row(core: Core, hand: Any) -> None:
    found = numbers(core, hand, arms=("baseline", "sub_soft", "ladd", "random"))
    of_networks = {(arm, network): mean for (arm, network, k), (mean, _) in found.items() if k == 1}
    assert len(of_networks) == 3 * 5
    assert (of_networks["ladd", "ConvNetD5"], of_networks["sub_soft", "ViT"]) == (66.5, 32.6)
    assert {place: number for place, number in found.items() if place[2] > 1} == {
        ("baseline", None, 4): (48.0, ["Table 1"]),
        ("ladd", None, 4): (58.4, ["Table 1"]),
        ("baseline", None, 5): (44.2, ["Table 4", "Table 5", "Table 6"]),
        ("sub_soft", None, 5): (51.1, ["Table 6"]),
        ("ladd", None, 5): (53.9, ["Table 4", "Table 5", "Table 6"]),
    }


@pytest.mark.parametrize(
    ("method", "class_map", "ipc", "architectures", "expected"),
    [
        ("MTT", "imagenette", 1, FOUR, {("baseline", None, 4): 38.3, ("ladd", None, 4): 40.9}),
        ("AST", "imagenette", 20, FOUR, {("baseline", None, 4): 55.5, ("ladd", None, 4): 59.4}),
        ("AST", "imagenette", 10, ["ViT"], {("baseline", "ViT", 1): 31.0, ("ladd", "ViT", 1): 32.6}),
        ("AST", "imagesquawk", 5, FIVE, {("baseline", None, 5): 35.1, ("ladd", None, 5): 43.2}),
        ("TESLA", "imagenette", 5, FIVE, {("baseline", None, 5): 19.2, ("ladd", None, 5): 27.3}),
        ("GLaD-DM", "imagenette", 5, FIVE, {("baseline", None, 5): 37.2, ("ladd", None, 5): 49.9}),
        ("GLaD-DM", "imagewoof", 5, FIVE, {}),
        ("RDED", "imagenette", 10, FIVE, {}),
    ],
)
def test_all_tables_count(
    core: Core,
    hand: Any,
    method: str,
    class_map: str,
    ipc: int,
    architectures: Sequence[str],
    expected: dict[tuple[str, str | None, int], float],
) -> None:
    found = numbers(core, hand, {"paper": method}, class_map, architectures=architectures, ipc=ipc)
    assert {place: mean for place, (mean, _) in found.items()} == expected


def test_a_number_tells_its_place_spread_and_slip(core: Core, hand: Any) -> None:
    distilled = hand.ready_set(class_map="imagenette", stats=hand.made_up_stats(ipc=10, image_shape=PIXELS))
    rows = [row(distilled, "ladd", architecture, 50 + i) for i, architecture in enumerate(FIVE)]
    overtaken = row(distilled, "ladd", "ViT", 0, in_summary=False)
    found = beside(core, {"paper": "MTT"}, hand.ready_set("source"), [overtaken, *rows])
    assert found[-1] == PaperNumber(
        dataset=distilled,
        arm="ladd",
        cae_mean=51.8,
        source="MTT, imagenette at 128 px, 10 IPC",
        tables=["Table 2"],
        architectures=list(FIVE),
        std=1.3,
        difference=52 - 51.8,
        remark="52.1 ± 1.0 by its rows",
    )
    assert [(each.architecture, each.overhead) for each in found[:-1]] == [
        *((name, None) for name in sorted(FIVE)),
        (None, 0.025),
    ]


def test_baseline_plus_has_one_image_more_than_its_row_of_table_1(core: Core, hand: Any) -> None:
    plus = hand.ready_set(class_map="imagenette", stats=hand.made_up_stats(ipc=6, image_shape=PIXELS))
    rows = [row(plus, arm, architecture, 50) for arm in ("baseline_plus",) for architecture in FOUR]
    [found] = beside(core, {"paper": "MTT"}, hand.ready_set("source"), rows)
    assert (found.cae_mean, found.overhead, found.source) == (50.5, 0.207, "MTT, imagenette at 128 px, 5 IPC")


def _first_ten_of_imagenet() -> list[dict[str, Any]]:
    wnids = ["n01440764", "n01443537", "n01484850", "n01491361", "n01494475", "n01496331", "n01498041"]
    named = [*wnids, "n01514668", "n01514859", "n01518878"]
    return [{"label": label, "name": name, "images": {"train": 1}} for label, name in enumerate(named)]


def test_imagenet_is_known_by_its_classes(core: Core, hand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("method.paper.IMAGENET_CLASSES", 10)
    source = hand.ready_set("source", stats=hand.made_up_stats("source", class_counts=_first_ten_of_imagenet()))
    distilled = hand.ready_set(stats=hand.made_up_stats(ipc=10, image_shape=[3, 224, 224]))
    rows = [row(distilled, arm, "ResNet18BN", 30) for arm in ("baseline", "full_soft", "ladd")]
    found = beside(core, {"paper": "RDED"}, source, rows)
    assert [(each.arm, each.cae_mean, each.remark) for each in found] == [
        ("baseline", 12.4, "RDED-I (H) of the table"),
        ("full_soft", 23.6, "RDED-I (S) of the table"),
        ("ladd", 28.8, "LADD-RDED-I of the table"),
    ]
    assert found[0].source == "RDED, imagenet, 10 IPC"
    assert beside(core, {"paper": "RDED"}, source, [row(distilled, "ladd", "ResNet18", 30)]) == []


def test_the_source_set_may_name_the_classes(core: Core, hand: Any) -> None:
    distilled = hand.ready_set(stats=hand.made_up_stats(**IMAGENETTE))
    rows = [row(distilled, "ladd", architecture, 50) for architecture in FIVE]
    names = [{"label": label, "name": name, "images": {"train": 1}} for label, name in enumerate(wnids("imagenette"))]
    for source in (
        hand.ready_set("source", class_map="imagenette"),
        hand.ready_set("source", stats=hand.made_up_stats("source", class_counts=names)),
    ):
        assert len(beside(core, TAGS, source, rows)) == 5 + 2
    assert beside(core, TAGS, hand.ready_set("source"), rows) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"tags": {}},
        {"tags": {"paper": "GLaD"}},
        {"class_map": "imagenet_a"},
        {"class_map": "auto"},
        {"ipc": 50},
        {"ipc": None},
        {"image_shape": [3, 64, 64]},
        {"architectures": default_architectures(64)[:1]},
    ],
)
def test_another_set_has_none(core: Core, hand: Any, changed: dict[str, Any]) -> None:
    assert numbers(core, hand, **changed) == {}


def test_of_a_label_augmented_set_the_point_must_be_the_papers(core: Core, hand: Any) -> None:
    source = hand.ready_set("source", stats=hand.made_up_stats("source", image_shape=PIXELS))
    distilled = hand.ready_set(class_map="imagenette", stats=hand.made_up_stats(**IMAGENETTE), source_dataset=source)
    labeler = hand.trained_labeler(source)
    for n, shown in ((5, ["baseline", "ladd"]), (4, ["baseline"])):
        job = hand.submit("generate_labels", dataset=distilled, labeler=labeler, views={"n": n})
        made = hand.work(job.id).result.dataset
        rows = [row(made, arm, "ViT", 50) for arm in ("baseline", "ladd")]
        # The hard labels of the baseline are at no point.
        assert [number.arm for number in beside(core, TAGS, source, rows)] == shown


def test_table_3_is_at_any_point(core: Core, hand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("method.paper.IMAGENET_CLASSES", 10)
    source = hand.ready_set("source", stats=hand.made_up_stats("source", class_counts=_first_ten_of_imagenet()))
    distilled = hand.ready_set(stats=hand.made_up_stats(ipc=10), source_dataset=source)
    job = hand.submit("generate_labels", dataset=distilled, labeler=hand.trained_labeler(source), views={"n": 4})
    made = hand.work(job.id).result.dataset
    [found] = beside(core, {"paper": "RDED"}, source, [row(made, "ladd", "ResNet18BN", 30)])
    assert (found.cae_mean, found.tables) == (28.8, ["Table 3"])


def test_a_report_carries_the_numbers(core: Core, hand: Any) -> None:
    source = hand.ready_set("source", stats=hand.made_up_stats("source", image_shape=PIXELS))
    distilled = hand.ready_set(class_map="imagenette", stats=hand.made_up_stats(**IMAGENETTE), source_dataset=source)
    job = hand.submit("ladd", dataset=distilled, tags=TAGS, evaluation={"trials": 1, "overrides": {"epochs": 1}})
    done = hand.work(job.id)
    augmented = done.result.dataset
    shown = [number for number in jobs.report(core, job.id).paper if number.architecture is None]
    assert [(number.dataset, number.arm, number.cae_mean) for number in shown] == [
        (augmented, "baseline", 48.0),
        (augmented, "ladd", 58.4),
        (augmented, "baseline", 44.2),
        (augmented, "ladd", 53.9),
    ]
