"""The choice of number format, layout and compiler, and its effect on numbers."""

from itertools import product

import pytest
import torch

from method.architectures import ARCHITECTURES
from method.arms import ARMS
from workers.ladd.deployment.training import Training
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine import execution
from workers.ladd.engine.execution import COMPILE_AFTER_SECONDS, EAGER_FLOPS_PER_SECOND, Execution, choose_execution
from workers.ladd.labels.views import ViewGrid
from workers.ladd.models import build_model
from workers.ladd.recipes import resolve_recipe

CPU = torch.device("cpu")
LONG = 2 * COMPILE_AFTER_SECONDS * EAGER_FLOPS_PER_SECOND["cpu"]


@pytest.mark.parametrize("kind", ["cpu", "cpu bf16", "cpu amx"])
def test_exact_is_float32_and_compiled_only_when_it_takes_long(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "cpu_kind", lambda: kind)
    for architecture, flops in product(ARCHITECTURES, (0, LONG)):
        chosen = choose_execution(architecture, CPU, "exact", flops)
        assert chosen.dtype == "float32"
        assert chosen.compiled == (flops == LONG and architecture.startswith("ConvNet"))


def test_fast_is_bfloat16_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, dtype in (("cpu", "float32"), ("cpu bf16", "bfloat16"), ("cpu amx", "bfloat16")):
        monkeypatch.setattr(execution, "cpu_kind", lambda kind=kind: kind)
        for architecture in ARCHITECTURES:
            assert choose_execution(architecture, CPU, "fast", 0).dtype == dtype
            assert choose_execution(architecture, CPU, "fast", LONG).dtype == dtype


def test_without_a_compiler_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert choose_execution("ConvNetD5", CPU, "exact", LONG) == Execution()


def test_on_cuda_networks_with_instance_norms_are_fused() -> None:
    for architecture, precision in product(ARCHITECTURES, ("exact", "fast")):
        chosen = choose_execution(architecture, torch.device("cuda"), precision, 0)
        assert chosen.fused == architecture.startswith(("ConvNet", "VGG11", "ResNet18"))
        assert not chosen.fused or (chosen.layout == "channels_last" and not chosen.compiled)
        assert chosen.dtype == ("bfloat16" if precision == "fast" else "float32")


def losses(execution: Execution, micro_batch: int | None = None) -> list[float]:
    draws = torch.Generator().manual_seed(4)
    data = TrainingSet(
        images=torch.randn(3, 3, 32, 32, generator=draws),
        labels=torch.arange(3),
        dense_labels=torch.randn(3, 4, 3, generator=draws).softmax(dim=2),
        grid=ViewGrid(n=2),
    )
    recipe = resolve_recipe("glad", "ConvNetD3", {"epochs": 5, "lr": 0.01, "warmup_epochs": 0, "reduction": "mean"})
    model = build_model("ConvNetD3", num_classes=3, channels=3, size=32, seed=0)
    training = Training(model, data, ARMS["ladd"], recipe, 0, "cpu", 3, micro_batch=micro_batch, execution=execution)
    trained = training.run()
    assert trained.execution == execution
    return trained.losses


@pytest.mark.slow
def test_layout_and_compiler_change_only_the_rounding() -> None:
    exact = losses(Execution())
    assert losses(Execution(layout="channels_last")) == pytest.approx(exact, rel=1e-4)
    # 15 rows in micro-batches of 4: the last one is filled up.
    assert losses(Execution(layout="channels_last", compiled=True), 4) == pytest.approx(exact, rel=1e-4)


def test_bfloat16_is_near_and_not_the_same() -> None:
    exact, fast = losses(Execution()), losses(Execution("bfloat16"))
    assert fast == pytest.approx(exact, rel=0.02)
    assert fast != exact
