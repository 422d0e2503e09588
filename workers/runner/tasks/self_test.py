"""Whether this machine can be trusted with tasks: a training step of known result, and files that are known to be good.

Nothing here depends on a task, so a failure is the machine's: a broken installation, a GPU that cannot be used, a
processor without the instructions that a library was built for.
"""

import zipfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch.nn.functional import avg_pool2d, conv2d, cross_entropy, linear

from api_schemas.runner import DoneEvent, RunnerTask
from workers.ladd.importers import ImportOptions
from workers.ladd.importers.dataset import import_dataset
from workers.runner.reporter import Reporter

IMAGES, CLASSES, SIDE = 4, 2, 16

KNOWN_LOSS = 1.109483921
KNOWN_SQUARES = 13.915980403
"""Of `train_step`, by the same arithmetic in float64 with numpy (`tests/workers/runner/tasks/test_self_test.py`)."""

TOLERANCE = 2e-3
"""TF32 and bfloat16 round to 10 and 7 bits; inputs and weights are exact in both."""


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """Train a step on the task's device, and read a good file of each kind of reader; makes nothing.

    Raises:
        ArithmeticError: the device computes something else.
        ImportRejected: a reader refuses a good file. Whatever a broken library raises passes as it is.
    """
    found = train_step(torch.device(task.device))
    for name, value, known in zip(("loss", "sum of squared weights"), found, (KNOWN_LOSS, KNOWN_SQUARES), strict=True):
        if not abs(value - known) <= TOLERANCE * abs(known):
            raise ArithmeticError(
                f"the {name} of a known training step is {value:.6g} on {task.device}, not {known:.6g}"
            )
    images = np.arange(IMAGES * SIDE * SIDE * 3).astype(np.uint8).reshape(IMAGES, SIDE, SIDE, 3)
    labels = np.arange(IMAGES) % CLASSES
    for kind, files in _good_files(folder, images, labels).items():
        outputs = folder / kind
        outputs.mkdir()
        options = ImportOptions(name="a known good set", role="distilled", normalization="none")
        import_dataset(files, options, outputs, lambda done, total: None)
    return DoneEvent(event="done", files=[], result={})


def train_step(device: torch.device) -> tuple[float, float]:
    """One step of SGD (lr 0.5) of a convolution [4, 3, 3, 3], ReLU, pooling and a linear layer on four images 8 x 8.

    Returns the loss before it (nats), and the sum of squares of all weights after it.
    """

    def pattern(*shape: int, period: int) -> torch.Tensor:
        numbers = torch.arange(int(np.prod(shape)), device=device) % period - period // 2
        return (numbers.float() / 4).reshape(shape)

    images, labels = pattern(4, 3, 8, 8, period=7), torch.arange(4, device=device) % 3
    weights = [pattern(4, 3, 3, 3, period=5), pattern(3, 4, period=3)]
    for weight in weights:
        weight.requires_grad_(True)
    features = avg_pool2d(conv2d(images, weights[0], padding=1).relu(), 8).flatten(1)
    loss = cross_entropy(linear(features, weights[1]), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        squares = sum(((weight - 0.5 * weight.grad) ** 2).sum() for weight in weights if weight.grad is not None)
    return loss.item(), float(squares)


def _good_files(folder: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> dict[str, list[Path]]:
    """Write the same set once for each library that reads uploads."""
    arrays, pictures, named = folder / "set.npz", folder / "set.zip", folder / "set.safetensors"
    np.savez(arrays, images=images, labels=labels)
    with zipfile.ZipFile(pictures, "w") as archive:
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            format = ("png", "jpeg")[index % 2]
            with archive.open(f"class_{label}/{index}.{format}", "w") as member:
                Image.fromarray(image).save(member, format)
    tensors = {"images": torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), "labels": torch.from_numpy(labels)}
    save_file(tensors, named)
    parts = [folder / f"{name}_best.pt" for name in tensors]
    for part, tensor in zip(parts, tensors.values(), strict=True):
        torch.save(tensor, part)
    return {"numpy": [arrays], "pillow": [pictures], "safetensors": [named], "torch": parts}
