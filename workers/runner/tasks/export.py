"""Write a set without its dense labels in a layout of the field."""

from pathlib import Path

from api_schemas.datasets import Dataset, DatasetRole
from api_schemas.runner import DoneEvent, RunnerTask
from method.files import EXPORT_ENDINGS, IMAGES, LABELS, SOFT_LABELS
from workers.ladd.archive.plain import PlainSet, PlainSplit, write_plain
from workers.ladd.engine.progress import counting
from workers.runner.reporter import Reporter


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """Write the one file to `outputs/`."""
    dataset = Dataset.model_validate(task.documents["dataset"])
    assert dataset.stats is not None
    files = {name: folder / path for name, path in task.inputs["dataset"].items()}
    splits = ["train_", "val_"] if dataset.role is DatasetRole.SOURCE else [""]
    normalization, layout = dataset.stats.normalization, task.params["format"]
    plain = PlainSet(
        splits={
            split.rstrip("_"): PlainSplit(
                images=files[split + IMAGES],
                labels=files.get(split + SOFT_LABELS, files[split + LABELS]),
                classes=files[split + LABELS],
            )
            for split in splits
        },
        names=[count.name for count in dataset.stats.class_counts],
        carried=normalization.carried,
        mean=normalization.mean,
        std=normalization.std,
        learned_lr=dataset.stats.learned_lr,
    )
    name = f"set.{EXPORT_ENDINGS[layout]}"
    write_plain(
        plain, layout, folder / "outputs" / name, counting(report.stage("export", "images"), dataset.stats.num_images)
    )
    return DoneEvent(event="done", files=[name], result={})
