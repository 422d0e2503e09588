"""Labels are written once for a set, labelers and parameters, and again where any of these differs."""

import json
from typing import Any

import pytest

from api_schemas.jobs import JobState
from service.core.clients import Core
from service.core.kinds import reused_labels
from service.core.lifecycle import tasks
from service.core.objects.storage import blob_key
from service.core.resources import datasets, jobs, labelers
from service.core.upkeep.rebuild_index import rebuild_index
from tests.service.core.hand import Hand
from tests.service.core.made_up_results import RESULTS


class Labelling:
    """Jobs that label one set with one labeler."""

    def __init__(self, core: Core, hand: Hand) -> None:
        self.core, self.hand = core, hand
        self.source = hand.ready_set("source")
        self.dataset = hand.ready_set(source_dataset=self.source)
        self.labeler = hand.trained_labeler(self.source, epochs=20, checkpoint_epochs=[10, 20])

    def submit(self, **params: Any) -> str:
        """Start a job; returns its id."""
        return self.hand.submit("generate_labels", **{"dataset": self.dataset, "labeler": self.labeler, **params}).id

    def write(self, job_id: str) -> str | None:
        """Write the labels of a job as a runner would; returns the set, None where no runner is needed."""
        claimed = tasks.claim(self.core, job_id, "generate_labels", "hand")
        if claimed is None:
            return None
        result, files = RESULTS[claimed.type](claimed)
        files |= {name: f"{name} of {job_id}".encode() for name in files} | {
            "labelling.json": json.dumps(result).encode()
        }
        assert tasks.succeed(self.core, claimed, result, {name: self.hand.file(text) for name, text in files.items()})
        return self.made(job_id)

    def made(self, job_id: str) -> str:
        """Finish the job and return its set."""
        job = self.hand.work(job_id)
        assert job.state is JobState.SUCCEEDED
        assert job.result is not None
        return str(job.result.dataset)


@pytest.fixture
def labelling(core: Core, hand: Hand) -> Labelling:
    return Labelling(core, hand)


def test_equal_labels_are_not_made_again(core: Core, labelling: Labelling) -> None:
    first = labelling.write(labelling.submit())
    again = labelling.submit()
    assert labelling.write(again) is None
    second = labelling.made(again)
    job, old, new = jobs.view(core, again), *(core.catalogue.dataset(id) for id in (str(first), second))
    assert old is not None
    assert new is not None
    assert second != first
    assert new.blobs == old.blobs
    assert job.result is not None
    assert job.result.labelling is not None
    assert job.result.labelling.reused_from == first
    assert new.augmentation == old.augmentation.model_copy(update={"reused_from": first})  # type: ignore[union-attr]
    assert job.result.flops is not None
    assert job.result.flops.labelling == 10**10, "they took that, whoever paid for it"
    assert job.cost is not None
    assert job.cost.counted.labelling is not None
    assert job.cost.counted.labelling.flops == 0


def test_the_sets_do_not_depend_on_each_other(core: Core, labelling: Labelling) -> None:
    first = labelling.write(labelling.submit())
    again = labelling.submit()
    labelling.write(again)
    second = labelling.made(again)
    datasets.delete(core, str(first))
    kept = core.catalogue.dataset(second)
    assert kept is not None
    assert all(core.storage.read_range(blob_key(blob.sha256), 0, 1) for blob in kept.blobs.values())
    third = labelling.submit()
    assert labelling.write(third) is None
    assert datasets.view(core, labelling.made(third)).augmentation.reused_from == second  # type: ignore[union-attr]
    for dataset in (second, labelling.made(third)):
        datasets.delete(core, dataset)
    assert labelling.write(labelling.submit()) is not None


def test_equal_weights_with_another_border_write_other_labels(core: Core, labelling: Labelling) -> None:
    labelling.write(labelling.submit())
    labeler = core.catalogue.labeler(labelling.labeler)
    assert labeler is not None
    index = labeler.model_copy(update={"border": 2}).index
    core.redis.hset(index["key"], mapping=index["fields"])
    assert labelling.write(labelling.submit()) is not None


@pytest.mark.parametrize(
    "changed",
    [
        {"reuse": "never"},
        {"epoch": 20},
        {"temperature": 2.0},
        {"views": {"n": 3}},
        {"views": {"ratio": 0.5}},
        {"encoding": "float16"},
        {"images": "png"},
        {"formats": ["mtt"]},
    ],
)
def test_what_differs_is_made_anew(labelling: Labelling, changed: dict[str, Any]) -> None:
    first = labelling.write(labelling.submit())
    again = labelling.write(labelling.submit(**changed))
    assert again not in (None, first)


def test_another_set_labeler_or_code_is_labelled_anew(
    core: Core, hand: Hand, labelling: Labelling, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelling.write(labelling.submit())
    stats = hand.made_up_stats(
        normalization={"name": "given", "mean": [0.4] * 3, "std": [0.2] * 3, "applied": False, "reason": ""}
    )
    other_statistics = hand.ready_set(source_dataset=labelling.source, stats=stats)
    renamed = hand.ready_set(source_dataset=labelling.source, name="another name")
    retrained = hand.trained_labeler(labelling.source, epochs=20, checkpoint_epochs=[10, 20], seed=1)
    for changed in ({"dataset": other_statistics}, {"dataset": renamed}, {"labeler": retrained}):
        assert labelling.write(labelling.submit(**changed)) is not None
    monkeypatch.setattr(reused_labels, "CODE_VERSION", "another")
    assert labelling.write(labelling.submit()) is not None


def test_an_equal_set_that_was_uploaded_twice_is_labelled_once(hand: Hand, labelling: Labelling) -> None:
    labelling.write(labelling.submit())
    twin = hand.ready_set(source_dataset=labelling.source)
    assert labelling.write(labelling.submit(dataset=twin)) is None


def test_labels_are_another_tenants_neither_to_use_nor_to_learn_of(core: Core, hand_of: Any, hand: Hand) -> None:
    ours, theirs = (Labelling(acting, hand_of(acting, hand.folder)) for acting in (core, core.acting_for("them")))
    assert ours.write(ours.submit()) is not None
    assert theirs.write(theirs.submit()) is not None


def test_a_rebuilt_index_knows_what_was_labelled(core: Core, labelling: Labelling) -> None:
    first = labelling.write(labelling.submit())
    core.redis.flushdb()
    rebuild_index(core)
    again = labelling.submit()
    assert labelling.write(again) is None
    assert datasets.view(core, labelling.made(again)).augmentation.reused_from == first  # type: ignore[union-attr]


def test_a_labeler_may_be_gone_that_wrote_what_is_reused_by_nobody(core: Core, labelling: Labelling) -> None:
    first = labelling.write(labelling.submit())
    labelers.delete(core, labelling.labeler)
    assert datasets.view(core, str(first)).augmentation is not None
