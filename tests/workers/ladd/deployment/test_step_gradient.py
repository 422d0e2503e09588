"""The gradient of a step when memory or the compiler fails."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from method.arms import ARMS
from workers.ladd.deployment.listener import Listener
from workers.ladd.deployment.training import Training
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.execution import Execution
from workers.ladd.models import build_model
from workers.ladd.recipes import resolve_recipe

pytestmark = pytest.mark.slow

UNDER_A_MEMORY_LIMIT = """
import json, resource, sys
from pathlib import Path
import torch
from tests.workers.ladd.deployment.test_step_gradient import losses_of_a_training
torch.set_num_threads(1)
losses_of_a_training(micro_batch=8)
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
print(json.dumps(losses_of_a_training(micro_batch=256)))
"""


WITH_THE_COMPILER = """
import json
from tests.workers.ladd.deployment.test_step_gradient import compiled_training
print(json.dumps(compiled_training()))
"""


def training_set(images: int) -> TrainingSet:
    draws = torch.Generator().manual_seed(1)
    return TrainingSet(torch.randn(images, 3, 32, 32, generator=draws), torch.arange(images) % 4)


def losses_of_a_training(micro_batch: int) -> dict[str, Any]:
    logs: list[str] = []
    images: list[int] = []
    recipe = resolve_recipe("glad", "ConvNetD3", {"epochs": 2, "lr": 0.01, "warmup_epochs": 0, "batch_size": 256})
    model = build_model("ConvNetD3", num_classes=4, channels=3, size=32, seed=0)
    listener = Listener(on_images=images.append, log=logs.append)
    training = Training(model, training_set(256), ARMS["baseline"], recipe, 3, "cpu", 4, listener, None, micro_batch)
    trained = training.run()
    return {"losses": trained.losses, "micro_batch": trained.micro_batch, "logs": logs, "images": sum(images)}


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS binds on Linux only")
def test_a_training_short_of_memory_goes_on_with_fewer_images_at_once() -> None:
    # 256 images keep about 200 MB of activations for the backward pass.
    command = [sys.executable, "-c", UNDER_A_MEMORY_LIMIT, str(120_000_000)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    limited = json.loads(done.stdout)
    assert 1 <= limited["micro_batch"] < 256
    assert limited["logs"][0] == "out of memory with 256 images at once; going on with 128"
    # What the failed passes had forwarded is taken back.
    assert limited["images"] == 512
    assert limited["losses"] == pytest.approx(losses_of_a_training(256)["losses"], rel=1e-5)


def test_one_image_that_is_too_much_is_an_error() -> None:
    class Glutton(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.empty(1 << 60) * self.weight

    recipe = resolve_recipe("glad", "ConvNetD3", {"epochs": 1})
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        Training(Glutton(), training_set(4), ARMS["baseline"], recipe, 0, "cpu", 4).run()


def compiled_training() -> dict[str, Any]:
    logs: list[str] = []
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4), nn.ReLU())
    recipe = resolve_recipe("glad", "ConvNetD3", {"epochs": 1})
    training = Training(
        model,
        training_set(4),
        ARMS["baseline"],
        recipe,
        0,
        "cpu",
        4,
        Listener(log=logs.append),
        execution=Execution(layout="channels_last", compiled=True),
    )
    return {"arithmetic": asdict(training.run().execution), "logs": logs}


def test_a_compiler_that_fails_is_done_without(tmp_path: Path) -> None:
    # Nothing compiled before can be found, and what compiles C++ fails.
    environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path), "CXX": "/bin/false"}
    command = [sys.executable, "-c", WITH_THE_COMPILER]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["arithmetic"] == asdict(Execution())
    assert len(told["logs"]) == 1
    assert told["logs"][0].startswith("going on without torch.compile, which failed")
