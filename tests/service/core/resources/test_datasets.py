"""Datasets from upload to deletion."""

from pathlib import Path
from typing import Any

import pytest

from api_schemas.datasets import DatasetMetadata, DatasetRole, DatasetState
from api_schemas.jobs import JobState
from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from service.core.clients import Core
from service.core.foundation.errors import ServiceError, reason
from service.core.foundation.ids import new_id
from service.core.foundation.listing import EVERYTHING
from service.core.lifecycle import tasks
from service.core.objects.received_files import discard_uploads, upload_key
from service.core.objects.storage import Storage
from service.core.resources import datasets, jobs


def test_an_upload_becomes_a_dataset(core: Core, hand: Any) -> None:
    dataset = hand.upload(learned_lr=0.02)
    assert (dataset.state, dataset.stats, dataset.links.archive) == (DatasetState.VALIDATING, None, None)
    (file,) = dataset.files
    assert (file.name, file.bytes) == ("images.pt", len(f"raw bytes of {dataset.id}"))
    assert datasets.view(core, dataset.id) == dataset
    job = jobs.view(core, dataset.job)
    assert (job.kind, job.params) == ("ingest_dataset", {"dataset": dataset.id})
    assert job.progress is not None
    assert (job.progress.total, job.progress.unit) == (file.bytes, "bytes")

    assert hand.finish(hand.claim(dataset.job, "ingest"))
    ready = datasets.view(core, dataset.id)
    assert ready.state is DatasetState.READY
    assert ready.stats is not None
    assert (ready.stats.num_images, ready.metadata.learned_lr, ready.reasons) == (20, 0.02, [])
    done = jobs.view(core, dataset.job)
    assert done.result is not None
    assert done.result.dataset == dataset.id
    # The raw upload is gone, and the manifest says where the images are.
    assert core.storage.list_keys("uploads/") == []
    manifest = core.storage.get_json(f"datasets/{dataset.id}/manifest.json")
    assert manifest is not None
    assert sorted(manifest["blobs"]) == ["images.npy", "labels.npy"]


def test_a_broken_upload_is_rejected_with_its_reasons(core: Core, hand: Any) -> None:
    dataset = hand.upload()
    why = reason("labels.pt", "labels_match_images", 19, "19 labels for 20 images")
    error = TaskError(code=ErrorCode.REJECTED_INPUT, origin=ErrorOrigin.INPUT, message="rejected", reasons=[why])
    assert tasks.fail(core, hand.claim(dataset.job, "ingest"), error)
    rejected = datasets.view(core, dataset.id)
    assert (rejected.state, rejected.reasons, rejected.stats) == (DatasetState.REJECTED, [why], None)
    assert jobs.view(core, dataset.job).error == error
    assert core.storage.list_keys("uploads/") == []
    assert core.storage.get_json(f"datasets/{dataset.id}/manifest.json") is not None
    datasets.delete(core, dataset.id)


def test_a_dataset_whose_ingestion_is_canceled_or_breaks_is_rejected(core: Core, hand: Any) -> None:
    canceled, broken = hand.upload(), hand.upload()
    jobs.cancel(core, canceled.job)
    hand.fail(hand.claim(broken.job, "ingest"))
    for dataset, rule, message in ((canceled, None, "canceled"), (broken, "internal", "it broke")):
        rejected = datasets.view(core, dataset.id)
        assert rejected.state is DatasetState.REJECTED
        assert [(why.value, message in why.message) for why in rejected.reasons] == [(rule, True)]


def test_a_rejection_shows_before_the_outbox_is_attended(
    core: Core, hand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = hand.upload()

    def out(*_: Any, **__: Any) -> None:
        raise ServiceError(ErrorCode.UNAVAILABLE, "out")

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "put_json", out)
        jobs.cancel(core, dataset.job)
        assert datasets.view(core, dataset.id).state is DatasetState.VALIDATING
    assert datasets.view(core, dataset.id).state is DatasetState.REJECTED
    assert core.store.due() == []


def test_the_source_of_a_distilled_set_must_be_one(core: Core, hand: Any, refused: Any) -> None:
    distilled = hand.ready_set()
    source = hand.upload("source")
    # It may still be on its way.
    early = hand.upload(source_dataset=source.id)
    assert datasets.view(core, early.id).metadata.source_dataset == source.id
    for role, named, rule in (
        ("distilled", new_id("ds"), "not_found"),
        ("distilled", distilled, "is_source_set"),
        ("source", source.id, "distilled_only"),
    ):
        before = core.storage.list_keys("uploads/")
        with refused(ErrorCode.INVALID_REQUEST) as caught:
            hand.upload(role, source_dataset=named)
        assert [(why.location, why.rule) for why in caught.value.reasons] == [("body.metadata.source_dataset", rule)]
        assert core.storage.list_keys("uploads/") == before


def test_zca_is_fitted_to_a_source_set_that_is_ready(core: Core, hand: Any, refused: Any) -> None:
    validating = hand.upload("source").id
    for role, named, location, rule in (
        ("distilled", None, "normalization", "zca_needs_source"),
        ("source", None, "normalization", "zca_needs_source"),
        ("distilled", validating, "source_dataset", "source_is_ready"),
    ):
        with refused(ErrorCode.INVALID_REQUEST) as caught:
            hand.upload(role, source_dataset=named, normalization="zca")
        assert [(why.location, why.rule) for why in caught.value.reasons] == [(f"body.metadata.{location}", rule)]
    source = hand.ready_set("source")
    dataset = hand.upload(source_dataset=source, normalization="zca")
    assert list(hand.claim(dataset.job, "ingest").inputs["source"]) == ["train_images.npy"]


def test_uploads_without_a_dataset_are_discarded(core: Core, hand: Any) -> None:
    dataset_id = new_id("ds")
    stream = core.storage.open_upload(upload_key(dataset_id, 0))
    stream.finish()
    discard_uploads(core.storage, dataset_id)
    assert core.storage.list_keys("uploads/") == []


def test_a_dataset_in_use_is_not_deleted(core: Core, hand: Any, refused: Any) -> None:
    source = hand.ready_set("source")
    distilled = hand.ready_set(source_dataset=source)
    waiting = hand.upload()
    job = hand.submit("ladd", dataset=distilled, evaluation={"architectures": ["ViT"]})
    augmented = hand.work(job.id, until="evaluate:ladd:ViT:0").result.dataset
    for used in (source, distilled, augmented, waiting.id):
        with refused(ErrorCode.DATASET_IN_USE):
            datasets.delete(core, used)
    hand.work(job.id)
    for dataset_id in (source, distilled, augmented):
        datasets.delete(core, dataset_id)
        with refused(ErrorCode.NOT_FOUND):
            datasets.view(core, dataset_id)
        with refused(ErrorCode.NOT_FOUND):
            datasets.delete(core, dataset_id)


def test_a_deleted_dataset_leaves_nothing_but_what_others_share(core: Core, hand: Any) -> None:
    source = hand.ready_set("source")
    distilled = hand.ready_set(source_dataset=source)
    job = hand.work(hand.submit("ladd", dataset=distilled, evaluation=None).id)
    augmented, labeler = (core.catalogue.dataset(job.result.dataset), core.catalogue.labeler(job.result.labeler))
    assert augmented is not None
    assert labeler is not None
    datasets.delete(core, source)
    datasets.delete(core, distilled)
    # The label-augmented set has the images of its parent, and the labeler outlives the source set.
    left = {blob.sha256 for blob in [*augmented.blobs.values(), *labeler.blobs.values()]}
    assert {key.rpartition("/")[2] for key in core.storage.list_keys("blobs/")} == left
    assert core.storage.list_keys("datasets/") == [augmented.key]
    datasets.delete(core, augmented.id)
    left = {blob.sha256 for blob in labeler.blobs.values()}
    assert {key.rpartition("/")[2] for key in core.storage.list_keys("blobs/")} == left
    assert core.storage.list_keys("datasets/") == []


def test_equal_files_of_two_datasets_are_stored_once(core: Core, hand: Any, tmp_path: Path) -> None:
    same = tmp_path / "same"
    same.write_bytes(b"same")
    made = []
    for _ in range(2):
        dataset = hand.upload()
        claimed = hand.claim(dataset.job, "ingest")
        files = {"images.npy": same, "labels.npy": same}
        assert tasks.succeed(core, claimed, {"stats": hand.made_up_stats()}, files)
        made.append(dataset.id)
    for left in (1, 0):
        datasets.delete(core, made.pop())
        assert len(core.storage.list_keys("blobs/")) == left


def test_pages_of_datasets(core: Core, hand: Any, refused: Any) -> None:
    made = [hand.ready_set("source" if number % 2 else "distilled") for number in range(5)]
    waiting = hand.upload().id
    everything = datasets.page(core, limit=100)
    assert ([dataset.id for dataset in everything.items], everything.next_cursor) == ([waiting, *made[::-1]], None)
    assert [dataset.id for dataset in datasets.page(core, EVERYTHING.also(role=DatasetRole.SOURCE)).items] == [
        made[3],
        made[1],
    ]
    assert [dataset.id for dataset in datasets.page(core, EVERYTHING.also([DatasetState.VALIDATING])).items] == [
        waiting
    ]
    asked = EVERYTHING.also([DatasetState.READY], role=DatasetRole.DISTILLED)
    first = datasets.page(core, asked, None, 2)
    assert [dataset.id for dataset in first.items] == [made[4], made[2]]
    second = datasets.page(core, asked, first.next_cursor, 2)
    assert ([dataset.id for dataset in second.items], second.next_cursor) == ([made[0]], None)
    with refused(ErrorCode.INVALID_REQUEST):
        datasets.page(core, EVERYTHING, "1; drop")


def test_archive_link(core: Core, hand: Any, refused: Any) -> None:
    plain = hand.ready_set()
    with refused(ErrorCode.NO_ARCHIVE):
        datasets.archive_url(core, plain)
    with refused(ErrorCode.NOT_FOUND):
        datasets.archive_url(core, new_id("ds"))
    labeler = hand.trained_labeler(hand.ready_set("source"))
    job = hand.work(hand.submit("generate_labels", dataset=plain, labeler=labeler).id)
    augmented = job.result.dataset
    link = datasets.archive_url(core, augmented)
    manifest = core.catalogue.dataset(augmented)
    assert manifest is not None
    assert manifest.blobs["archive.zip"].sha256 in link
    assert f"distilled-set-label-augmented-{augmented}.zip" in link
    assert job.state is JobState.SUCCEEDED


def test_a_long_name_does_not_outgrow_its_limit(core: Core, hand: Any) -> None:
    plain = hand.ready_set(name="é" * 200)
    labeler = hand.trained_labeler(hand.ready_set("source"))
    job = hand.work(hand.submit("generate_labels", dataset=plain, labeler=labeler).id)
    name = datasets.view(core, job.result.dataset).name
    assert DatasetMetadata(name=name, role=DatasetRole.DISTILLED).name == name
