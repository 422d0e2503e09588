"""What jobs and uploads have made is fetched, corrected, compared and pinned by the client and by commands."""

import threading
import time
from pathlib import Path
from typing import Any

from ladd_client.api import LaddClient

from api_schemas.datasets import DatasetRole, ExportFormat
from api_schemas.jobs import JobState


def write_export(client: LaddClient, worker: Any) -> None:
    """Do the export that somebody is about to ask for."""
    while (job := next(client.jobs(state=JobState.QUEUED), None)) is None or job.kind != "export":
        time.sleep(0.01)
    worker.finish(worker.claim(job.id, "export"), {}, {"set.npz": b"PK set"})


def test_an_export_is_waited_for(client: LaddClient, ladd: Any, worker: Any, tmp_path: Path) -> None:
    dataset, _ = worker.ready_pair()
    writer = threading.Thread(target=write_export, args=(client, worker))
    writer.start()
    path = client.export_dataset(dataset, tmp_path / "set.npz")
    writer.join()
    assert path.read_bytes() == b"PK set"
    by_command = ladd("export", dataset, "--format", "npz", "-o", str(tmp_path / "again.npz"))
    assert by_command.exit_code == 0, by_command.stderr
    assert (tmp_path / "again.npz").read_bytes() == b"PK set"


def test_a_set_is_corrected_and_pinned(client: LaddClient, ladd: Any, worker: Any) -> None:
    dataset, _ = worker.ready_pair()
    assert client.change_dataset(dataset, {"name": "better"}).name == "better"
    version = client.change_dataset(dataset, {"normalization": "none"})
    assert version.previous == dataset
    assert ladd("pin", dataset, version.id).exit_code == 0
    assert {found.pinned for found in client.datasets(role=DatasetRole.DISTILLED)} == {True}
    assert ladd("pin", "--remove", dataset).exit_code == 0
    assert not client.dataset(dataset).pinned


def test_evaluations_are_compared(client: LaddClient, ladd: Any, worker: Any) -> None:
    refused = ladd("compare", "job_" + "0" * 26, "job_" + "1" * 26)
    assert refused.exit_code != 0
    assert "there is no job" in refused.stderr


def test_a_layout_that_does_not_hold_the_set_is_refused(ladd: Any, worker: Any) -> None:
    _, source = worker.ready_pair()
    refused = ladd("export", source, "--format", ExportFormat.MTT)
    assert refused.exit_code != 0
    assert "mtt is a layout of distilled sets" in refused.stderr


def test_the_checkpoint_of_a_labeler(client: LaddClient, ladd: Any, worker: Any, tmp_path: Path) -> None:
    worker.train_labeler(worker.start_ladd().id)
    [labeler] = client.labelers()
    [kept] = [row.epoch for row in labeler.epochs if row.checkpoint is not None]
    fetched = client.download_checkpoint(labeler.id, kept, tmp_path / "weights.safetensors").read_bytes()
    output = str(tmp_path / "again.safetensors")
    assert ladd("download", labeler.id, "--checkpoint", str(kept), "-o", output).stdout.strip() == output
    assert Path(output).read_bytes() == fetched
    missing = ladd("download", labeler.id, "--checkpoint", str(kept + 1))
    assert f"keeps those of epochs {kept}" in missing.stderr
