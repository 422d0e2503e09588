"""Train a labeler on a source set; every kept epoch becomes a file, and a crash costs at most one epoch."""

import shutil
from dataclasses import asdict
from pathlib import Path

from api_schemas.labelers import LabelerRecipe
from api_schemas.runner import DoneEvent, RunnerTask
from method.architectures import training_flops
from method.layers import Shape
from workers.ladd.labeler.held_out import split_held_out
from workers.ladd.labeler.training import RESUME_FILE, train_labeler
from workers.ladd.sets.stored_set import load_source
from workers.runner.reporter import Reporter


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """Train into `outputs/`; the result carries one row per epoch and the FLOPs of the training."""
    params = task.params
    recipe = LabelerRecipe.model_validate(params["recipe"])
    assert recipe.architecture is not None
    assert recipe.checkpoint_epochs is not None
    source = load_source({name: folder / path for name, path in task.inputs["source"].items()})
    outputs, checkpoint = folder / "outputs", folder / "checkpoint"
    rows = train_labeler(
        source,
        architecture=recipe.architecture,
        epochs=recipe.epochs,
        lr=recipe.lr,
        batch_size=recipe.batch_size,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        augmentation=recipe.augmentation,
        checkpoint_epochs=recipe.checkpoint_epochs,
        seed=recipe.seed,
        held_out=recipe.held_out or 0.0,
        border=params.get("border", 0),
        mean=params["mean"],
        std=params["std"],
        device=task.device,
        # Kept weights are part of the checkpoint: a later attempt finds those of the epochs it does not repeat.
        out_dir=checkpoint,
        resume=checkpoint / RESUME_FILE,
        progress=report.stage("train_labeler", "images"),
        on_epoch=lambda row: report.metric("labeler_epoch", asdict(row)),
        on_checkpoint=lambda _: report.checkpoint(sorted(path.name for path in checkpoint.iterdir())),
    )
    kept = [row.checkpoint for row in rows if row.checkpoint is not None]
    for name in kept:
        shutil.copyfile(checkpoint / name, outputs / name)
    shape = Shape(params["num_classes"], params["channels"], params["size"], params.get("border", 0))
    trained_on, _ = split_held_out(source.train_labels, recipe.held_out or 0.0, recipe.seed)
    flops = len(trained_on) * recipe.epochs * training_flops(recipe.architecture, shape)
    return DoneEvent(event="done", files=kept, result={"epochs": [asdict(row) for row in rows], "flops": flops})
