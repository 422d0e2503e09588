"""An imported network on the source set's val split: whether it runs, and its row among a labeler's epochs."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from workers.ladd.engine.inference import measure_accuracy, predict
from workers.ladd.engine.memory import is_memory_shortage
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.labeler.training import LabelerEpoch


@dataclass(frozen=True)
class ValSplit:
    """Images uint8 [T, H, W, C] and labels int64 [T]."""

    images: Tensor
    labels: NDArray[Any]
    num_classes: int


def check_network(network: nn.Module, val: ValSplit, outputs: Sequence[int] | None) -> int:
    """Pass one image through a network; returns the FLOPs of one image (1 MAC = 2), counted by torch.

    `outputs` is its class map. Raises ImportRejected with rule `network_runs` or `outputs_match_classes`.
    """
    height, width, channels = val.images.shape[1:]
    counter = FlopCounterMode(display=False)
    with _refusing(outputs), counter, torch.inference_mode():
        logits = network(torch.zeros(1, channels, height, width))
    if tuple(logits.shape) != (1, val.num_classes):
        raise rejected(
            "files",
            "outputs_match_classes",
            tuple(logits.shape),
            f"for one image the network answers {tuple(logits.shape)}, not one logit for each of {val.num_classes} "
            "classes; class_map can pick outputs",
        )
    return counter.get_total_flops()


@contextmanager
def _refusing(outputs: Sequence[int] | None) -> Iterator[None]:
    """Refuse a network that raises: a graph from a stranger may do so in any way."""
    try:
        yield
    except Exception as error:
        if is_memory_shortage(error):
            raise
        if isinstance(error, IndexError) and outputs is not None:
            message = f"class_map names output {max(outputs)}, which the network does not have"
            raise rejected("metadata.class_map", "outputs_match_classes", max(outputs), message) from error
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        message = f"the network does not take images of the source set: {line}"
        raise rejected("files", "network_runs", line, message) from error


def measure_checkpoint(
    network: nn.Module,
    val: ValSplit,
    mean: Sequence[float],
    std: Sequence[float],
    device: str,
    on_images: Callable[[int], None],
    epoch: int = 1,
    checkpoint: str | None = None,
) -> tuple[LabelerEpoch, Tensor]:
    """Return the row of an epoch whose weights are in the file `checkpoint`, and the probabilities [T, C] behind it.

    Raises ImportRejected with rule `network_runs`, `outputs_match_classes`, or `finite_values` where the network
    answers something that is not a number.
    """
    started = time.monotonic()
    with _refusing(None):
        logits = predict(network.to(device), val.images, mean, std, device, on_images=on_images).float().cpu()
    shape, expected = tuple(logits.shape), (len(val.labels), val.num_classes)
    if shape != expected:
        message = f"for {expected[0]} images the network answers {shape}, not {expected}"
        raise rejected("files", "outputs_match_classes", shape, message)
    if not torch.isfinite(logits).all():
        raise rejected("files", "finite_values", None, "the network answers values that are not finite numbers")
    probabilities = logits.softmax(dim=1)
    row = LabelerEpoch(
        epoch=epoch,
        train_loss=None,
        train_accuracy=None,
        val_accuracy=measure_accuracy(logits, val.labels, val.num_classes)[0],
        mean_entropy=torch.special.entr(probabilities).sum(dim=1).mean().item(),
        seconds=time.monotonic() - started,
        checkpoint=checkpoint,
    )
    return row, probabilities
