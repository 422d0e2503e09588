"""The labeler g: a classifier trained on the source set, by default as MTT trains its experts.

MTT `buffer.py`, which LADD section 4.1 follows: SGD, learning rate 0.01, batch 256, no momentum, no weight decay, no
decay of the learning rate, DSA on every batch. The source set lies on the device as uint8; there is no DataLoader.
"""

import math
import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from method.augmentation import parse_strategy
from method.files import checkpoint_file
from workers.ladd.engine.dsa import apply_dsa, draw_dsa
from workers.ladd.engine.inference import measure_accuracy, predict
from workers.ladd.engine.micro_batch import has_batch_statistics, micro_batch_size, slices
from workers.ladd.engine.normalization import normalize
from workers.ladd.engine.precision import exact_float32
from workers.ladd.engine.progress import counting
from workers.ladd.engine.resume import read_state, write_state
from workers.ladd.engine.seeds import derive_seed, generator, seeded_dropout
from workers.ladd.engine.transfer import to_device
from workers.ladd.labeler.diverged import TrainingDivergedError
from workers.ladd.labeler.held_out import split_held_out
from workers.ladd.models import build_model
from workers.ladd.sets.stored_set import SourceSet

RESUME_FILE = "resume.pt"
"""The state after the last whole epoch. Random numbers need none: every epoch has generators of its own."""


@dataclass(frozen=True)
class _Training:
    """Everything the weights depend on; a resumed training must have the same."""

    architecture: str
    lr: float
    batch_size: int
    momentum: float
    weight_decay: float
    augmentation: str
    checkpoint_epochs: tuple[int, ...]
    seed: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    held_out: float
    train_images: tuple[int, ...]
    num_classes: int
    border: int | None
    """None as well where the training was saved before there was a border: it had none."""


@dataclass(frozen=True)
class LabelerEpoch:
    """One epoch, counted from 1; accuracies in percent.

    `train_loss` and `train_accuracy` are over the augmented batches as they were trained on (None: it was not trained
    here), `val_accuracy` and `mean_entropy` (nats) over the validation images. `checkpoint` is the file name of the
    weights, None where they were not kept.
    """

    epoch: int
    train_loss: float | None
    train_accuracy: float | None
    val_accuracy: float
    mean_entropy: float
    seconds: float
    checkpoint: str | None


def train_labeler(
    source: SourceSet,
    *,
    architecture: str,
    epochs: int,
    lr: float,
    batch_size: int,
    augmentation: str,
    checkpoint_epochs: Collection[int],
    seed: int,
    mean: Sequence[float],
    std: Sequence[float],
    device: torch.device | str,
    out_dir: Path,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    held_out: float = 0.0,
    border: int | None = None,
    resume: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    on_epoch: Callable[[LabelerEpoch], None] = lambda row: None,
    on_checkpoint: Callable[[Path], None] = lambda path: None,
) -> list[LabelerEpoch]:
    """Train a labeler on `source` and return its epochs.

    Weights of the epochs in `checkpoint_epochs` become `epoch_010.safetensors` and so on in `out_dir`. The part
    `held_out` of each class is not trained on, see `split_held_out`. `border`: of the network, see `build_model`.

    After every epoch `on_epoch` gets its row, and `on_checkpoint` the path of `out_dir/resume.pt`, which holds all that
    the training needs to go on, apart from the weights already kept. With that file as `resume` the training goes on
    after its last epoch and ends, on a CPU, with the weights it would have had without the interruption; if there
    is no such file it starts anew. `progress` counts images, those of the validation included, after every micro-batch.

    Raises TrainingDivergedError when the numbers of an epoch are not finite any more; ValueError for a checkpoint epoch
    that will not come and for a resume file of another training; FileNotFoundError when weights that the resume file
    names are not in `out_dir`.
    """
    for epoch in checkpoint_epochs:
        if not 1 <= epoch <= epochs:
            raise ValueError(f"checkpoint_epochs must lie between 1 and epochs, {epochs}; got {epoch}")
    parse_strategy(augmentation)
    device = torch.device(device)
    images, labels = (torch.as_tensor(array).to(device) for array in (source.train_images, source.train_labels))
    rows = torch.from_numpy(split_held_out(source.train_labels, held_out, seed)[0])
    val_images = torch.as_tensor(source.val_images).to(device)
    training = _Training(
        # A member of an enum would be refused when a resume file is read: that holds plain types only.
        architecture=str(architecture),
        lr=lr,
        batch_size=batch_size,
        momentum=momentum,
        weight_decay=weight_decay,
        augmentation=augmentation,
        checkpoint_epochs=tuple(sorted(checkpoint_epochs)),
        seed=seed,
        mean=tuple(mean),
        std=tuple(std),
        held_out=held_out,
        train_images=tuple(images.shape),
        num_classes=source.num_classes,
        border=border or None,
    )
    model = build_model(
        architecture,
        num_classes=source.num_classes,
        channels=images.shape[3],
        size=images.shape[1],
        seed=derive_seed(seed, "model"),
        border=border,
    ).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay, fused=True)
    history: list[LabelerEpoch] = []
    if resume is not None and resume.exists():
        state = read_state(resume, "recipe", asdict(training))
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        history = [LabelerEpoch(**row) for row in state["history"]]
        _check_kept(history, out_dir)

    per_epoch = len(rows) + len(val_images)
    advance = counting(progress, epochs * per_epoch, len(history) * per_epoch)
    advance(0)
    for epoch in range(len(history) + 1, epochs + 1):
        started = time.monotonic()
        loss, accuracy = _train_epoch(model, optimizer, images, labels, rows, training, epoch, advance)
        if not math.isfinite(loss):
            raise TrainingDivergedError(lr, epoch, "loss", loss)
        logits = predict(model, val_images, mean, std, device, on_images=advance)
        entropy = torch.special.entr(logits.softmax(dim=1)).sum(dim=1).mean().item()
        # The loss of a batch is taken before its step: the last step of an epoch shows only here.
        if not math.isfinite(entropy):
            raise TrainingDivergedError(lr, epoch, "mean entropy", entropy)
        kept = checkpoint_file(epoch) if epoch in checkpoint_epochs else None
        if kept:
            _save_weights(model, out_dir / kept)
        history.append(
            LabelerEpoch(
                epoch=epoch,
                train_loss=loss,
                train_accuracy=accuracy,
                val_accuracy=measure_accuracy(logits, source.val_labels, source.num_classes)[0],
                mean_entropy=entropy,
                seconds=time.monotonic() - started,
                checkpoint=kept,
            )
        )
        state = {
            "recipe": asdict(training),
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "history": [asdict(row) for row in history],
        }
        write_state(out_dir / RESUME_FILE, state)
        on_epoch(history[-1])
        on_checkpoint(out_dir / RESUME_FILE)
    return history


def _train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    rows: Tensor,
    training: _Training,
    epoch: int,
    on_images: Callable[[int], None],
) -> tuple[float, float]:
    """Go once through the images of `rows`; returns the mean loss and the accuracy in percent."""
    device, (height, width) = images.device, images.shape[1:3]
    order, draws = (generator(training.seed, stream, epoch) for stream in ("order", "augmentation"))
    whole = has_batch_statistics(model)
    micro_batch = training.batch_size if whole else micro_batch_size(height, width, device)
    model.train()
    loss_sum, right = torch.zeros((), device=device), torch.zeros((), device=device, dtype=torch.int64)
    with exact_float32(), seeded_dropout(derive_seed(training.seed, "dropout", epoch), device):
        shuffled = rows[torch.randperm(len(rows), generator=order)]
        batches = torch.split(shuffled, training.batch_size)
        drawn = [draw_dsa(len(batch), (height, width), draws, training.augmentation) for batch in batches]
        # All that is drawn for the epoch goes over at once: a GPU is not waited for before its end.
        tensors = [each for batch, draw in zip(batches, drawn, strict=True) for each in (batch, *draw.tensors)]
        moved = iter(to_device(tensors, device))
        for on_host in drawn:
            batch, draw = next(moved), on_host.with_tensors(islice(moved, len(on_host.tensors)))
            optimizer.zero_grad()
            for part in slices(len(batch), micro_batch):
                chosen = batch[part]
                inputs = apply_dsa(normalize(images[chosen], training.mean, training.std), draw.rows(part))
                logits = model(inputs)
                loss = F.cross_entropy(logits, labels[chosen], reduction="sum")
                torch.autograd.backward(loss / len(batch))
                loss_sum += loss.detach()
                right += (logits.argmax(dim=1) == labels[chosen]).sum()
                on_images(len(chosen))
            optimizer.step()
    return loss_sum.item() / len(rows), 100 * right.item() / len(rows)


def _save_weights(model: nn.Module, path: Path) -> None:
    unfinished = path.with_suffix(".unfinished")
    save_file({name: value.cpu().contiguous() for name, value in model.state_dict().items()}, unfinished)
    os.replace(unfinished, path)


def _check_kept(history: list[LabelerEpoch], out_dir: Path) -> None:
    for row in history:
        if row.checkpoint and not (out_dir / row.checkpoint).exists():
            raise FileNotFoundError(f"{row.checkpoint}, kept before the interruption, must be in {out_dir.name}/")
