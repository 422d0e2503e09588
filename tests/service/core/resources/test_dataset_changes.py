"""A set is corrected without a new upload: in place, or as a new version where results would change."""

from typing import Any

import pytest

from api_schemas.datasets import Dataset, DatasetChanges
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.resources import datasets, jobs
from service.core.resources.dataset_changes import change
from service.core.upkeep.rebuild_index import rebuild_index
from tests.service.core.hand import Hand

NAMES = [f"class {label}" for label in range(10)]


def changed(core: Core, dataset_id: str, expected: bool = True, **asked: Any) -> tuple[Dataset, bool]:
    return change(core, dataset_id, DatasetChanges.model_validate(asked), lambda found: expected)


def test_name_and_tags_change_in_place(core: Core, hand: Hand) -> None:
    dataset = hand.ready_set()
    assert changed(core, dataset, name="better")[1] is False
    shown, _ = changed(core, dataset, tags={"run": "7"})
    assert (shown.id, shown.name, shown.metadata.tags) == (dataset, "better", {"run": "7"})
    assert datasets.view(core, dataset) == shown
    core.redis.flushdb()
    rebuild_index(core)
    assert datasets.view(core, dataset) == shown
    datasets.delete(core, dataset)
    assert core.storage.list_keys("changes/") == []


def test_what_changes_results_makes_a_new_version(core: Core, hand: Hand) -> None:
    source = hand.ready_set("source")
    dataset = hand.ready_set()
    before = datasets.view(core, dataset)
    version, is_new = changed(
        core, dataset, name="named", class_names=NAMES, normalization="imagenet", source_dataset=source
    )
    assert (is_new, version.previous, version.name) == (True, dataset, "named")
    assert version.stats is not None
    assert [count.name for count in version.stats.class_counts] == NAMES
    assert (version.stats.normalization.name, version.stats.normalization.applied) == ("imagenet", False)
    assert version.metadata.source_dataset == source
    assert datasets.view(core, dataset) == before, "it is as it was"
    core.redis.flushdb()
    rebuild_index(core)
    assert datasets.view(core, version.id) == version
    datasets.delete(core, dataset)
    job = hand.work(hand.submit("evaluate", dataset=version.id, arms=["baseline"], trials=1).id)
    assert jobs.view(core, job.id).state == "succeeded"


@pytest.mark.parametrize(("low", "high", "applied"), [(-2.0, 2.0, True), (0.0, 1.0, False)])
def test_floats_that_leave_0_to_1_carry_the_normalization(
    core: Core, hand: Hand, low: float, high: float, applied: bool
) -> None:
    floats = hand.made_up_stats(dtype="float32", value_range={"minimum": low, "maximum": high})
    version, _ = changed(core, hand.ready_set(stats=floats), normalization={"mean": [0.5] * 3, "std": [0.2] * 3})
    assert version.stats is not None
    assert (version.stats.normalization.name, version.stats.normalization.applied) == ("custom", applied)


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ({"class_names": NAMES[:9]}, "body.class_names"),
        ({"class_names": ["same"] * 10}, "body.class_names"),
        ({"normalization": {"mean": [0.5], "std": [0.5]}}, "body.normalization"),
        ({"normalization": "mnist"}, "body.normalization"),
        ({"source_dataset": "ds_" + "0" * 26}, "body.source_dataset"),
    ],
)
def test_what_does_not_suit_the_set_is_named(core: Core, hand: Hand, refused: Any, asked: Any, location: str) -> None:
    with refused(ErrorCode.INVALID_REQUEST) as caught:
        changed(core, hand.ready_set(), **asked)
    assert caught.value.reasons[0].location == location


def test_a_label_augmented_set_keeps_what_its_archive_says(core: Core, hand: Hand, refused: Any) -> None:
    source = hand.ready_set("source")
    job = hand.work(hand.submit("ladd", dataset=hand.ready_set(source_dataset=source), evaluation=None).id)
    assert job.result is not None
    made = str(job.result.dataset)
    assert changed(core, made, name="mine")[0].name == "mine"
    with refused(ErrorCode.INVALID_REQUEST):
        changed(core, made, class_names=NAMES)


def test_a_set_that_is_not_as_expected_or_not_ready_is_left_alone(core: Core, hand: Hand, refused: Any) -> None:
    dataset = hand.ready_set()
    with refused(ErrorCode.PRECONDITION_FAILED):
        changed(core, dataset, expected=False, name="late")
    with refused(ErrorCode.DATASET_NOT_READY):
        changed(core, hand.upload().id, name="early")
    with refused(ErrorCode.NOT_FOUND):
        changed(core.acting_for("them"), dataset, name="theirs")
    assert datasets.view(core, dataset).name == "distilled set"
