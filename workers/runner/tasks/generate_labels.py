"""Write the dense labels of a distilled set with one labeler or the mean of several, and pack the archive."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api_schemas.datasets import Dataset, Normalization
from api_schemas.labelling import LabelAgreement, Labelling
from api_schemas.runner import DoneEvent, RunnerTask
from method.files import ARCHIVE, DENSE_LABELS, FULL_LABELS, LABELLING
from method.normalizations import AS_PUBLISHED, ZCA
from workers.ladd.archive.archive import read_archive, write_archive
from workers.ladd.archive.exports import write_export
from workers.ladd.archive.storage import pixels_of, storage
from workers.ladd.labels.class_agreement import compare_classes, permutation_warning
from workers.ladd.labels.dense_labels import WHOLE_IMAGE, generate_dense_labels
from workers.ladd.labels.encodings import decode_checked
from workers.ladd.labels.views import ViewGrid
from workers.ladd.sets.stored_set import DistilledSet, load_distilled
from workers.runner.example_answers import example_answers
from workers.runner.label_writers import LabelWriter, choose_writers
from workers.runner.normalizations import network_images, rule_of
from workers.runner.reporter import Reporter
from workers.runner.versions import versions


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """Write `dense_labels.npy`, `full_labels.npy`, `archive.zip` and its other forms.

    The result carries the storage counts, the FLOPs of labelling, and how the labels were made and agree with the
    uploaded ones. Raises EncodingRefusedError for an encoding that loses too much.
    """
    dataset = Dataset.model_validate(task.documents["dataset"])
    assert dataset.stats is not None
    stored = load_distilled({name: folder / path for name, path in task.inputs["dataset"].items()})
    grid = ViewGrid(task.params["views"]["n"], task.params["views"]["ratio"])
    writers = choose_writers(task, folder, grid, report)
    carried = dataset.stats.normalization.carried
    names = [count.name for count in dataset.stats.class_counts]
    full_labels, dense_labels = _mean_labels(task, stored, dataset.stats.normalization, grid, writers, report)
    outputs = folder / "outputs"
    # Networks train on what readers of the archive decode, so that the encoding's cost in accuracy is measured.
    encoding = task.params["encoding"]
    np.save(outputs / DENSE_LABELS, decode_checked(encoding, dense_labels))
    np.save(outputs / FULL_LABELS, full_labels)
    manifest = _manifest(task, dataset, writers)
    write_archive(
        outputs / ARCHIVE,
        stored.images,
        stored.labels,
        dense_labels,
        full_labels,
        manifest,
        stored.soft_labels,
        encoding,
        task.params["images"],
    )
    pixels = pixels_of(stored.images, *(carried or (None, None)))
    counts = storage(
        pixels,
        stored.labels if stored.soft_labels is None else stored.soft_labels,
        dense_labels,
        outputs / ARCHIVE,
        encoding,
    )
    files = [ARCHIVE, DENSE_LABELS, FULL_LABELS]
    if formats := task.params["formats"]:
        archive = read_archive(outputs / ARCHIVE)
        for export_format in formats:
            files.append(f"archive.{export_format}")
            write_export(archive, export_format, outputs / files[-1])
    labelling = _labelling(names, stored, dense_labels, writers, report)
    labelling.example = example_answers(writers, stored, dataset.stats.normalization, task.params, task.device)
    result = {
        "storage": counts.model_dump(mode="json"),
        "flops": sum(writer.flops(len(stored.images) * (grid.count + 1)) for writer in writers),
        "labelling": labelling.model_dump(mode="json"),
    }
    (outputs / LABELLING).write_text(json.dumps(result), encoding="utf-8")
    return DoneEvent(event="done", files=[*files, LABELLING], result=result)


def _mean_labels(
    task: RunnerTask,
    stored: DistilledSet,
    normalization: Normalization,
    grid: ViewGrid,
    writers: list[LabelWriter],
    report: Reporter,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mean of what the labelers say, each of images with its own normalization.

    Of whole images float32 [M, C], and of views float32 [M, V, C].
    """
    progress = report.stage("generate_labels", "views")
    forwards = len(stored.images) * (grid.count + 1)
    done = 0
    means: list[NDArray[np.float32]] = []
    for asked in (WHOLE_IMAGE, grid):
        written = []
        for writer in writers:
            labels = generate_dense_labels(
                writer.network(),
                network_images(stored.images, normalization, writer.labeler.mean, writer.labeler.std, task.params),
                asked,
                device=task.device,
                temperature=writer.temperature,
                progress=lambda part, total, before=done: progress(before + part, len(writers) * forwards),  # type: ignore[misc]
            )
            written.append(labels)
            done += len(stored.images) * asked.count
        means.append(written[0] if len(written) == 1 else np.stack(written).mean(axis=0))
    whole, views = means
    return whole[:, 0], views


def _labelling(
    names: list[str],
    stored: DistilledSet,
    dense_labels: NDArray[np.float32],
    writers: list[LabelWriter],
    report: Reporter,
) -> Labelling:
    """How the labels were made and agree with the uploaded ones."""
    agreement = compare_classes(dense_labels, stored.labels)
    remedy = (
        "either may be the wrong one: upload this set again with labels in the order of the source set, or the source "
        "set again with its class_map in the order of these labels"
    )
    warning = permutation_warning(agreement, names, "the uploaded labels", remedy)
    if warning is not None:
        report.log(warning, "warning")
    return Labelling(
        labelers=[writer.used() for writer in writers],
        agreement=LabelAgreement(**asdict(agreement)),
        warnings=[warning] if warning is not None else [],
    )


def _manifest(task: RunnerTask, dataset: Dataset, writers: list[LabelWriter]) -> dict[str, Any]:
    """The archive's description of itself; nothing in it depends on when or where it was made."""
    assert dataset.stats is not None
    params, normalization = task.params, dataset.stats.normalization
    real = {"mean": params["mean"], "std": params["std"]}
    # Networks for a set that was distilled in whitened space are trained there.
    told: dict[str, Any] = {"mean": None, "std": None} if normalization.name == ZCA else real
    if rule_of(params) == AS_PUBLISHED and normalization.carried is not None:
        told = {**dict(zip(("mean", "std"), normalization.carried, strict=True)), "test": real}
    described = [_described(writer) for writer in writers]
    return {
        "views": task.params["views"],
        "normalization": {
            "name": normalization.name,
            **told,
            "applied": normalization.applied,
        },
        "classes": [count.name for count in dataset.stats.class_counts],
        "distilled_set": {
            "name": dataset.name,
            "sha256": dataset.stats.sha256,
            "learned_lr": dataset.stats.learned_lr,
        },
        "labeler": described[0] if len(described) == 1 else {"ensemble": described},
        "versions": versions(),
    }


def _described(writer: LabelWriter) -> dict[str, Any]:
    labeler = writer.labeler
    made = labeler.recipe if labeler.recipe is not None else labeler.metadata
    assert made is not None
    return {
        "architecture": labeler.architecture,
        "epoch": writer.epoch,
        "temperature": writer.temperature,
        "recipe" if labeler.recipe is not None else "imported": made.model_dump(mode="json"),
        "mean": labeler.mean,
        "std": labeler.std,
        "weights_sha256": hashlib.sha256(writer.weights.read_bytes()).hexdigest(),
    }
