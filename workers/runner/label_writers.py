"""The labelers of a labelling: each with the checkpoint and the temperature that were asked for or chosen."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from torch import nn

from api_schemas.labelers import Labeler
from api_schemas.labelling import CheckpointCandidate, UsedLabeler
from api_schemas.runner import RunnerTask
from method.files import TRAIN_IMAGES, TRAIN_LABELS
from workers.ladd.engine.progress import counting
from workers.ladd.labeler.checkpoint_choice import (
    Candidate,
    HeldOutViews,
    best,
    draw_held_out_views,
    judge,
    view_logits,
)
from workers.ladd.labeler.held_out import split_held_out
from workers.ladd.labels.views import ViewGrid
from workers.runner.labeler_files import network_of
from workers.runner.reporter import Reporter


@dataclass(frozen=True)
class LabelWriter:
    """A labeler as it writes labels. `candidates` are what was judged, on `held_out_images`, if anything was."""

    labeler: Labeler
    files: dict[str, Path]
    epoch: int
    temperature: float
    held_out_images: int = 0
    candidates: tuple[Candidate, ...] = ()

    def network(self) -> nn.Module:
        """Load the network of the checkpoint."""
        return network_of(self.labeler, self.files, self.epoch)

    @property
    def weights(self) -> Path:
        """The file of the checkpoint."""
        return self.files[next(row.checkpoint for row in self.labeler.epochs if row.epoch == self.epoch) or ""]

    def flops(self, views: int) -> int:
        """FLOPs of labelling so many views, with what choosing took."""
        return self.labeler.forward_flops * (views + self.held_out_images * len(self.candidates))

    def used(self) -> UsedLabeler:
        """The labeler as the report names it."""
        return UsedLabeler(
            labeler=self.labeler.id,
            epoch=self.epoch,
            temperature=self.temperature,
            held_out_images=self.held_out_images if self.candidates else None,
            candidates=[CheckpointCandidate(**asdict(candidate)) for candidate in self.candidates] or None,
        )


def choose_writers(task: RunnerTask, folder: Path, grid: ViewGrid, report: Reporter) -> list[LabelWriter]:
    """The labelers of a task, their checkpoints chosen where the task has held-out images to choose by."""
    writers = []
    for position, planned in enumerate(task.params["labelers"]):
        labeler = Labeler.model_validate(task.documents[f"labeler_{position}"])
        files = {name: folder / path for name, path in task.inputs[f"labeler_{position}"].items()}
        source = task.inputs.get(f"source_{position}")
        if source is None:
            writers.append(LabelWriter(labeler, files, planned["epochs"][0], task.params["temperature"]))
            continue
        views = _held_out_views(labeler, {name: folder / path for name, path in source.items()}, grid)
        writers.append(_chosen(task, labeler, files, planned["epochs"], views, report))
    return writers


def _held_out_views(labeler: Labeler, source: dict[str, Path], grid: ViewGrid) -> HeldOutViews:
    assert labeler.recipe is not None
    images, labels = (np.load(source[name], mmap_mode="r", allow_pickle=False) for name in (TRAIN_IMAGES, TRAIN_LABELS))
    _, held_out = split_held_out(labels, labeler.recipe.held_out or 0.0, labeler.recipe.seed)
    return draw_held_out_views(images, labels, held_out, grid, labeler.recipe.seed)


def _chosen(
    task: RunnerTask, labeler: Labeler, files: dict[str, Path], epochs: list[int], views: HeldOutViews, report: Reporter
) -> LabelWriter:
    advance = counting(report.stage("choose_checkpoint", "images"), len(epochs) * len(views.images))
    asked = task.params["temperature"]
    candidates = []
    for epoch in epochs:
        network = network_of(labeler, files, epoch)
        logits = view_logits(network, views, labeler.mean, labeler.std, task.device, advance)
        candidates.append(judge(epoch, logits, views.labels, None if asked == "auto" else asked))
        report.metric("checkpoint_candidate", {"labeler": labeler.id, **asdict(candidates[-1])})
    chosen = best(candidates)
    return LabelWriter(labeler, files, chosen.epoch, chosen.temperature, len(views.images), tuple(candidates))
