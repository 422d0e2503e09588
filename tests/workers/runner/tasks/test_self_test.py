"""The training step that a worker tests its devices by, against the same arithmetic in float64 without torch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from api_schemas.runner import DoneEvent, RunnerTask
from workers.runner.reporter import Reporter
from workers.runner.tasks import self_test

Array = NDArray[np.float64]


def pattern(*shape: int, period: int) -> Array:
    numbers = np.arange(np.prod(shape)) % period - period // 2
    return (numbers / 4).reshape(shape).astype(np.float64)


def by_hand() -> tuple[float, float]:
    """Loss and sum of squared weights, every sum written out."""
    images, labels = pattern(4, 3, 8, 8, period=7), np.arange(4) % 3
    kernels, matrix = pattern(4, 3, 3, 3, period=5), pattern(3, 4, period=3)
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    patches = np.stack([padded[:, :, y : y + 8, x : x + 8] for y in range(3) for x in range(3)], axis=-1)
    convolved = np.einsum("bcyxk,ock->boyx", patches, kernels.reshape(4, 3, 9))
    features = np.maximum(convolved, 0).mean(axis=(2, 3))
    logits = features @ matrix.T
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss = -np.log(probabilities[np.arange(4), labels]).mean()
    of_logits = (probabilities - np.eye(3)[labels]) / 4
    of_features = of_logits @ matrix
    of_convolved = of_features[:, :, None, None] / 64 * (convolved > 0)
    of_kernels = np.einsum("boyx,bcyxk->ock", of_convolved, patches).reshape(kernels.shape)
    stepped = (kernels - 0.5 * of_kernels, matrix - 0.5 * of_logits.T @ features)
    return float(loss), float(sum((weights**2).sum() for weights in stepped))


def task() -> RunnerTask:
    return RunnerTask(type="self_test", params={}, inputs={}, documents={}, device="cpu", threads=1)


def test_the_known_results_are_those_of_arithmetic() -> None:
    known = self_test.KNOWN_LOSS, self_test.KNOWN_SQUARES
    assert known == pytest.approx(by_hand(), rel=1e-6)


def test_the_step_of_torch_is_the_known_one() -> None:
    assert self_test.train_step(torch.device("cpu")) == pytest.approx(by_hand(), rel=1e-5)


def test_a_machine_in_order_passes(tmp_path: Path) -> None:
    with (tmp_path / "events").open("wb") as events, Reporter(events) as report:
        assert self_test.run(task(), tmp_path, report) == DoneEvent(event="done", files=[], result={})


@pytest.mark.parametrize("result", [(1.2, self_test.KNOWN_SQUARES), (self_test.KNOWN_LOSS, float("nan"))])
def test_a_device_that_computes_something_else_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: tuple[float, float]
) -> None:
    monkeypatch.setattr(self_test, "train_step", lambda device: result)
    report: Any = None
    with pytest.raises(ArithmeticError, match="of a known training step is"):
        self_test.run(task(), tmp_path, report)
