"""The uploaded files of a task under the names that their sender gave them."""

from pathlib import Path

from api_schemas.runner import RunnerTask


def with_their_names(task: RunnerTask, folder: Path) -> list[Path]:
    """Give the uploads their own names back, each in a folder of its own: names tell formats apart, and may repeat."""
    paths = []
    for index, (stored, name) in enumerate(task.params["files"].items()):
        named = folder / "uploads" / str(index) / Path(name).name
        named.parent.mkdir(parents=True)
        named.hardlink_to(folder / task.inputs["uploads"][stored])
        paths.append(named)
    return paths
