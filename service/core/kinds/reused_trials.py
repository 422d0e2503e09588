"""Trials that another job has run already: of the same set, arm, architecture, recipe and seed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from method.arms import ARMS
from service.core.catalogue.manifests import DatasetManifest, LabelerManifest
from service.core.clients import Core
from service.core.kinds.train_labeler import canonical
from service.core.queue.plan import Ref
from service.core.queue.records import JobRecord, TaskRecord

CODE_VERSION = "1"
"""Part of a trial's digest: raise it when the same task would train or test another network."""

UNDECISIVE = frozenset({"dataset", "labels_of", "alike", "rates", "reuse"})
"""Parameters of a trial that do not decide its result: ids of sets, whose content does, and what compiling pays."""


@dataclass(frozen=True)
class EarlierTrial:
    """A trial that has succeeded, with all that this one would find."""

    job: str
    """Id of the job that ran it."""
    task: TaskRecord
    """Its task."""
    result: dict[str, Any]
    """The result that its runner handed over."""


def trial_digest(core: Core, job: JobRecord, task: TaskRecord) -> str:
    """Return the digest of all that decides what a trial finds; '' where it depends on others, or an input is gone.

    That is the content of its sets as far as the arm needs them, and every parameter of the task: arm, architecture,
    recipe, seed and number of the trial, normalization. Neither the device nor how it computes (`arithmetic` of the
    row) is part of it.
    """
    if task.params.get("confirms"):
        return ""
    entries = {name: core.catalogue.entry(ref.id) for name, ref in task.inputs.items()}
    contents = {
        name: _content(entry, task.inputs[name], task.params["arm"])
        for name, entry in entries.items()
        if entry is not None
    }
    if len(contents) < len(entries):
        return ""
    decided_by = {
        "version": CODE_VERSION,
        "tenant": job.tenant,
        "params": {name: value for name, value in task.params.items() if name not in UNDECISIVE},
        "inputs": contents,
    }
    return hashlib.sha256(canonical(decided_by).encode()).hexdigest()


def _content(entry: DatasetManifest | LabelerManifest, ref: Ref, arm_name: str) -> dict[str, Any]:
    """Return what a training may see of a set or labeler: the bytes of its files, and what these mean."""
    wanted = entry.blobs if ref.files is None else ref.files
    files = {name: entry.blobs[name].sha256 for name in wanted}
    if isinstance(entry, LabelerManifest):
        meaning = entry.model_dump(mode="json", include={"architecture", "metadata", "mean", "std", "border"})
        return {"files": files, **meaning}
    arm, stats, augmentation = ARMS[arm_name], entry.measured, entry.augmentation
    content = {
        "files": files,
        "normalization": stats.normalization.model_dump(mode="json", exclude={"reason"}),
        "classes": stats.num_classes,
        "images": stats.num_images,
    }
    if augmentation is not None and (arm.views or arm.label_files or arm.asks_labeler):
        meant = {"n", "ratio", "labeler_normalizations"} | ({"epoch", "temperature"} if arm.asks_labeler else set())
        content["augmentation"] = augmentation.model_dump(mode="json", include=meant)
    return content


def earlier_trial(core: Core, job: JobRecord, task: TaskRecord) -> EarlierTrial | None:
    """Return a trial that was run before with all that decides this one; None: none was, or none may be taken."""
    # One that an earlier version has planned says nothing about it, and its report may be that version's, too.
    digest = trial_digest(core, job, task) if task.params.get("reuse") == "auto" else ""
    for job_id, name in core.store.computed(digest) if digest else ():
        earlier = core.store.load(job_id, [name])
        found = None if earlier is None else earlier.task(name)
        # Its job may have been deleted meanwhile.
        result = None if found is None or found.result is None else core.storage.get_json(found.result)
        if found is not None and result is not None and _held(core, job, job_id, found):
            return EarlierTrial(job_id, found, result)
    return None


def _held(core: Core, job: JobRecord, earlier: str, task: TaskRecord) -> bool:
    """Hold the network of an earlier trial for this job, too; False where it is gone."""
    for sha256 in task.files.values():
        core.blobs.hold(job.id, sha256)
    # It may have been removed with its job before all of it was held.
    return not task.files or core.store.state(earlier) is not None


def taken_over(task: TaskRecord, earlier: EarlierTrial) -> dict[str, Any]:
    """Return the result of an earlier trial as this task's: with the names of its own sets, and whose trial it is."""
    row: Mapping[str, Any] = earlier.result["row"]
    recipe = {name: value for name, value in row["recipe"].items() if name != "labels_of"}
    if "labels_of" in task.params:
        recipe["labels_of"] = task.params["labels_of"]
    first = row["trial"].get("reused_from") or earlier.job
    trial = {**row["trial"], "reused_from": first}
    return {"row": {**row, "dataset": task.params["dataset"], "recipe": recipe, "trial": trial}}
