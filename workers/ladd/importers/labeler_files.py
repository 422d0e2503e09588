"""Files that hold networks, not images."""

from collections.abc import Sequence

from torch import Tensor

from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.safe_torch import read_torch
from workers.ladd.importers.reading.uploaded_file import UploadedFile


def refuse_labelers(files: Sequence[UploadedFile]) -> None:
    """Raise ImportRejected with rule `holds_images` for MTT's expert trajectories, `replay_buffer_*.pt`.

    They are lists of trajectories, each a list of epochs, each a list of parameters (MTT `buffer.py`).
    """
    for file in files:
        if file.kind == "tensors" and _is_replay_buffer(read_torch(file.path)):
            raise rejected(
                file.path.name,
                "holds_images",
                "weights of networks by trajectory and epoch",
                f"{file.path.name} is a replay buffer of MTT: weights of labelers, not a set of images",
            )


def _is_replay_buffer(content: object) -> bool:
    for _ in range(3):
        if not isinstance(content, list) or not content:
            return False
        content = content[0]
    return isinstance(content, Tensor)
