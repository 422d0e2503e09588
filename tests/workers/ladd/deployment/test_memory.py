"""The predicted peak of memory, against the measured one."""

import json
import subprocess
import sys

import pytest
import torch

from workers.ladd.deployment.memory import training_bytes
from workers.ladd.engine.execution import EAGER, Execution

ONE_TRIAL = """
import json, sys, torch
torch.set_num_threads(1)
from tests.workers.ladd.deployment.test_memory import bytes_of_a_trial
print(json.dumps(bytes_of_a_trial(*sys.argv[1:2], int(sys.argv[2]))))
"""


def bytes_of_a_trial(architecture: str, size: int) -> tuple[int, int]:
    """Predicted and measured peak of a process that runs one trial."""
    from method.arms import ARMS
    from workers.ladd.deployment.training_set import TrainingSet
    from workers.ladd.evaluation.trial import TestSet, evaluate_trial
    from workers.ladd.recipes import resolve_recipe

    images = 64 * 32 * 32 // size**2
    recipe = resolve_recipe("glad", architecture, {"epochs": 2, "ema_beta": 0.995, "micro_batch": images})
    row = evaluate_trial(
        TrainingSet(torch.randn(images, 3, size, size), torch.arange(images) % 10),
        TestSet(
            torch.zeros(4, size, size, 3, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64), [0.5] * 3, [1.0] * 3
        ),
        ARMS["baseline"],
        architecture,
        trial=0,
        recipe=recipe,
        seed=0,
        device="cpu",
        num_classes=10,
    )
    return row.trial.predicted_peak_bytes, row.trial.peak_bytes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "size"), [("ConvNetD3", 32), ("ResNet18", 32), ("ViT", 64), ("ResNet18BN", 64)]
)
def test_the_peak_of_a_trial_is_predicted_within_a_fifth(architecture: str, size: int) -> None:
    command = [sys.executable, "-c", ONE_TRIAL, architecture, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    predicted, measured = json.loads(done.stdout)
    assert predicted == pytest.approx(measured, rel=0.2)


def test_activations_grow_with_the_micro_batch_and_weights_do_not() -> None:
    shape = {"num_classes": 10, "channels": 3, "size": 32, "copies": 1}
    one, four = (training_bytes("ConvNetD3", **shape, micro_batch=rows, execution=EAGER) for rows in (1, 4))
    assert one.weights == four.weights == 3 * 4 * 320_010
    assert four.activations == pytest.approx(4 * one.activations, rel=0.05)
    half = training_bytes("ConvNetD3", **shape, micro_batch=4, execution=Execution("bfloat16"))
    assert half.weights == four.weights
    assert half.activations == pytest.approx(four.activations / 2, rel=0.05)
