"""A network comes in as the files of a form and becomes a labeler, or leaves nothing behind."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.jobs import Job, JobKind, JobState
from api_schemas.labelers import Labeler, LabelerMetadata
from api_schemas.problems import ErrorCode, ErrorOrigin
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.foundation.ids import new_id
from service.core.objects.received_files import StreamedFile, upload_key
from service.core.resources import jobs, labelers

METADATA: TypeAdapter[LabelerMetadata] = TypeAdapter(LabelerMetadata)


def sent(core: Core, source: str, files: int = 1, **metadata: Any) -> Job:
    labeler_id = new_id("lb")
    streamed = []
    for index in range(files):
        stream = core.storage.open_upload(upload_key(labeler_id, index))
        stream.write(b"weights")
        streamed.append(StreamedFile(f"part {index}.pt", upload_key(labeler_id, index), stream.finish()))
    own = {"kind": "weights", "architecture": "ConvNetD3"} if "kind" not in metadata else {}
    document = {"name": "mine", "source_dataset": source, **own, **metadata}
    return labelers.import_labeler(core, METADATA.validate_python(document), streamed, labeler_id)[0]


def imported(core: Core, hand: Any, source: str, **metadata: Any) -> Labeler:
    job = hand.work(sent(core, source, **metadata).id)
    assert job.state is JobState.SUCCEEDED, job.error
    return labelers.view(core, job.result.labeler)


def test_an_import_becomes_a_labeler(core: Core, hand: Any) -> None:
    source = hand.ready_set("source")
    job = sent(core, source)
    assert (job.kind, [task.name for task in job.tasks]) == (JobKind.IMPORT_LABELER, ["import_labeler"])
    claimed = hand.claim(job.id, "import_labeler")
    assert claimed.params["files"] == {"file_000": "part 0.pt"}
    assert set(claimed.inputs["source"]) == {"val_images.npy", "val_labels.npy"}
    assert claimed.params["mean"] == [0.5, 0.4, 0.3]
    assert hand.finish(claimed)
    result = jobs.view(core, job.id).result
    assert result is not None
    labeler = labelers.view(core, str(result.labeler))
    assert (labeler.name, labeler.architecture, labeler.recipe, labeler.flops) == ("mine", "ConvNetD3", None, None)
    assert [file.name for file in labeler.files] == ["part 0.pt"]
    assert labeler.forward_flops == 10**6
    assert [row.checkpoint for row in labeler.epochs] == ["epoch_001.safetensors"]
    assert core.storage.list_keys("uploads/") == []


def test_a_network_for_one_channel_comes_in_with_the_border_of_the_field(core: Core, hand: Any) -> None:
    grey = {"name": "measured", "mean": [0.1], "std": [0.3], "applied": False, "reason": "made up"}
    stats = hand.made_up_stats("source", image_shape=[1, 28, 28], normalization=grey)
    source = hand.ready_set("source", stats=stats)
    borders = {name: imported(core, hand, source, architecture=name).border for name in ("VGG11", "ViT")}
    assert borders == {"VGG11": 2, "ViT": 0}
    assert imported(core, hand, source, kind="exported").border == 0


def test_a_labeler_that_came_in_writes_labels(core: Core, hand: Any) -> None:
    source = hand.ready_set("source")
    labeler = imported(core, hand, source)
    distilled = hand.ready_set(source_dataset=source)
    job = hand.work(hand.submit("generate_labels", dataset=distilled, labeler=labeler.id).id)
    assert job.state is JobState.SUCCEEDED
    assert job.result.labelling.labelers[0].labeler == labeler.id
    assert job.result.flops.labelling == 10**10


def test_an_exported_network_has_no_architecture_of_ours(core: Core, hand: Any) -> None:
    labeler = imported(core, hand, hand.ready_set("source"), kind="exported")
    assert labeler.architecture is None


def test_a_failed_import_leaves_nothing(core: Core, hand: Any) -> None:
    job = sent(core, hand.ready_set("source"))
    assert hand.fail(hand.claim(job.id, "import_labeler"), ErrorOrigin.INPUT)
    assert jobs.view(core, job.id).state is JobState.FAILED
    assert core.storage.list_keys("uploads/") == []
    assert labelers.page(core, limit=10).items == []
    with pytest.raises(ServiceError, match="send them again"):
        jobs.retry(core, job.id)


@pytest.mark.parametrize(
    ("metadata", "files", "location", "rule"),
    [
        ({}, 0, "body.files", "number_of_files"),
        ({}, 2, "body.files", "number_of_files"),
        ({"source_dataset": "ds_" + "0" * 26}, 1, "body.metadata.source_dataset", "not_found"),
        ({"normalization": "mnist"}, 1, "body.metadata.normalization", "same_channels"),
        ({"class_map": [0, 1]}, 1, "body.metadata.class_map", "same_classes"),
        ({"class_map": [0, 1, 2, 3, 4, 5, 6, 7, 8, 8]}, 1, "body.metadata.class_map", "distinct"),
    ],
)
def test_what_cannot_be_planned_is_refused_and_discarded(
    core: Core, hand: Any, metadata: dict[str, Any], files: int, location: str, rule: str
) -> None:
    source = hand.ready_set("source")
    with pytest.raises(ServiceError) as caught:
        sent(core, metadata.pop("source_dataset", source), files, **metadata)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert [(reason.location, reason.rule) for reason in caught.value.reasons] == [(location, rule)]
    assert core.storage.list_keys("uploads/") == []


def test_networks_of_torchvision_need_no_file_and_have_imagenets_statistics(core: Core, hand: Any) -> None:
    job = sent(core, hand.ready_set("source"), 0, kind="torchvision", model="resnet18")
    claimed = hand.claim(job.id, "import_labeler")
    assert claimed.params["mean"] == [0.485, 0.456, 0.406]
    assert claimed.inputs["uploads"] == {}
