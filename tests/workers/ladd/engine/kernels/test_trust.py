"""A training goes on eagerly where fused kernels cannot be had; `interpreted.py` has those that compute wrongly."""

import sys

import pytest
import torch

from method.arms import ARMS
from workers.ladd.deployment.listener import Listener
from workers.ladd.deployment.training import Training
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.execution import Execution
from workers.ladd.engine.kernels import trust
from workers.ladd.models import build_model
from workers.ladd.recipes import resolve_recipe

KERNELS = "workers.ladd.engine.kernels"


def trained(execution: Execution) -> tuple[list[float], Execution, list[str]]:
    data = TrainingSet(torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(4)), torch.arange(4) % 3)
    recipe = resolve_recipe("glad", "ConvNetD3", {"epochs": 2, "lr": 0.01, "warmup_epochs": 0})
    model = build_model("ConvNetD3", num_classes=3, channels=3, size=8, seed=0)
    logs: list[str] = []
    listener = Listener(log=logs.append)
    done = Training(model, data, ARMS["baseline"], recipe, 0, "cpu", 3, listener, execution=execution).run()
    return done.losses, done.execution, logs


@pytest.mark.slow
@pytest.mark.parametrize("installed", [True, False])
def test_without_triton_or_a_gpu_a_training_goes_on_eagerly(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_checked", {})
    if installed:
        # Triton is there, and a GPU for it is not.
        pytest.importorskip("triton")
    else:
        monkeypatch.setitem(sys.modules, "triton", None)  # the import of None is refused
    for module in ("fusing", "norm_relu_pool", "triton_code"):
        monkeypatch.delitem(sys.modules, f"{KERNELS}.{module}", raising=False)
    losses, execution, logs = trained(Execution(layout="channels_last", fused=True))
    assert execution == Execution()
    assert losses == trained(Execution())[0]
    assert len(logs) == 1
    assert logs[0].startswith("going on without the fused kernels: ")
    assert ("ModuleNotFoundError" in logs[0]) is not installed
