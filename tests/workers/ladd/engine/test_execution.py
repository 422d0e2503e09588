"""The choice of number format, layout and compiler, and its effect on numbers."""

from dataclasses import replace
from itertools import product

import pytest
import torch

from method.architectures import ARCHITECTURES
from method.arms import ARMS
from method.precisions import PRECISIONS
from workers.ladd.deployment.training import Training
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine import execution
from workers.ladd.engine.execution import EAGER_FLOPS_PER_SECOND, Execution, Workload, choose_execution
from workers.ladd.labels.views import ViewGrid
from workers.ladd.models import build_model
from workers.ladd.recipes import resolve_recipe

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SHORT, LONG = Workload(0), Workload(1e18)


@pytest.mark.parametrize("kind", ["cpu", "cpu bf16", "cpu amx"])
@pytest.mark.parametrize("precision", ["exact", "published"])
def test_on_a_cpu_exact_and_published_are_float32_and_compiled_only_when_it_takes_long(
    kind: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "cpu_kind", lambda: kind)
    for architecture, work in product(ARCHITECTURES, (SHORT, LONG)):
        chosen = choose_execution(architecture, CPU, precision, work)
        assert chosen.dtype == "float32"
        assert chosen.compiled == (work == LONG and architecture.startswith("ConvNet"))
        assert chosen == choose_execution(architecture, CPU, "exact", work)


def test_fast_is_bfloat16_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, dtype in (("cpu", "float32"), ("cpu bf16", "bfloat16"), ("cpu amx", "bfloat16")):
        monkeypatch.setattr(execution, "cpu_kind", lambda kind=kind: kind)
        for architecture in ARCHITECTURES:
            assert choose_execution(architecture, CPU, "fast", SHORT).dtype == dtype
            assert choose_execution(architecture, CPU, "fast", LONG).dtype == dtype


@pytest.mark.parametrize(("precision", "dtype"), [("exact", "float32"), ("published", "tf32"), ("fast", "bfloat16")])
def test_a_gpu_has_an_arithmetic_for_each_precision(precision: str, dtype: str) -> None:
    for architecture, work in product(ARCHITECTURES, (SHORT, LONG)):
        assert choose_execution(architecture, CUDA, precision, work).dtype == dtype


def test_networks_with_batch_norm_are_never_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    for device, kind, precision in product((CPU, CUDA), ("cpu", "cpu bf16", "cpu amx"), PRECISIONS):
        monkeypatch.setattr(execution, "cpu_kind", lambda kind=kind: kind)
        assert not choose_execution("ResNet18BN", device, precision, LONG).compiled


def test_an_architecture_without_a_row_of_its_own_is_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = replace(ARCHITECTURES["ViT"], family="of a package")
    monkeypatch.setitem(ARCHITECTURES, "ViT", unknown)
    found = {precision: choose_execution("ViT", CUDA, precision, LONG) for precision in PRECISIONS}
    assert found == {"published": Execution("tf32"), "exact": Execution(), "fast": Execution("tf32")}


def test_a_repeatable_training_is_not_compiled_on_a_gpu() -> None:
    assert choose_execution("ViT", CUDA, "fast", LONG).compiled
    assert choose_execution("ViT", CUDA, "fast", LONG, deterministic=True) == Execution("bfloat16")
    assert choose_execution("ConvNetD5", CPU, "exact", LONG, deterministic=True).compiled


def test_without_a_compiler_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert choose_execution("ConvNetD5", CPU, "exact", LONG) == Execution()


@pytest.mark.parametrize(
    ("kind", "seconds", "alike", "pays"),
    [
        # A single training on a CPU, as ever: five minutes.
        ("cpu", 299, 1, False),
        ("cpu", 301, 1, True),
        # Five of them from 108 s on; however many there are, not below a minute.
        ("cpu", 100, 5, False),
        ("cpu", 120, 5, True),
        ("cpu", 59, 2_000, False),
        ("cuda", 40, 1, False),
        ("cuda", 60, 1, True),
        # IPC 1, two arms and five trials of 20 s.
        ("cuda", 20, 10, True),
        ("cuda", 10, 10, False),
    ],
)
def test_the_trainings_of_a_job_pay_the_compiler_together(kind: str, seconds: float, alike: int, pays: bool) -> None:
    assert Workload(seconds * EAGER_FLOPS_PER_SECOND[kind], alike).pays(kind) == pays


def test_a_measured_rate_takes_the_place_of_the_nominal_one() -> None:
    work = Workload(40 * EAGER_FLOPS_PER_SECOND["cuda"])
    assert not work.pays("cuda")
    # A tenth as fast a GPU takes 400 s.
    assert replace(work, rate=EAGER_FLOPS_PER_SECOND["cuda"] / 10).pays("cuda")


def test_on_cuda_networks_with_instance_norms_are_fused() -> None:
    for architecture, precision in product(ARCHITECTURES, PRECISIONS):
        chosen = choose_execution(architecture, CUDA, precision, LONG)
        # In IEEE float32 cuDNN has few convolutions of channels_last maps, which the kernels want.
        fused = architecture.startswith("ConvNet") or architecture in ("VGG11", "ResNet18")
        wanted = fused and precision != "exact"
        assert chosen.fused == wanted
        assert not chosen.fused or (chosen.layout == "channels_last" and not chosen.compiled)


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
