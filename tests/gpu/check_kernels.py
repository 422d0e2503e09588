"""The fused kernels against float64: on a GPU as they are, on a CPU under Triton's interpreter with small maps.

Every check takes the device, raises AssertionError, and returns a line that says what was seen.
"""

from collections.abc import Callable
from typing import Any, NamedTuple
from unittest import SkipTest

import torch
import torch.nn.functional as F
from torch import Tensor

from workers.ladd.engine.kernels import trust
from workers.ladd.engine.kernels.fusing import fused
from workers.ladd.engine.kernels.norm_relu_pool import Form, norm_relu_pool
from workers.ladd.models import build_model

cuda: Any = torch.cuda
"""Partly untyped in torch."""

EPS = 1e-5
ROUNDINGS = 16
"""Relative error of a tensor in units of its number format's eps: the sums of 16,384 float32 values, in a tree, and a
handful of operations on each value stay below 4 on a CPU."""


class Case(NamedTuple):
    """Maps [N, C, H, W] and what is done with them."""

    form: Form
    shape: tuple[int, int, int, int]
    residual: bool = False


MEAN, MAX, NONE, NORM = Form(pooling="mean"), Form(pooling="max"), Form(), Form(relu=False)
SMALL = (
    Case(MEAN, (2, 64, 8, 8)),
    Case(MAX, (2, 64, 4, 8)),
    Case(NONE, (2, 64, 8, 8)),
    Case(NONE, (2, 64, 8, 8), residual=True),
    Case(NORM, (2, 64, 8, 8)),
    # Two chunks, the last tile of each is not full, and channels that do not fill their block.
    Case(MEAN, (1, 72, 24, 30)),
    Case(MAX, (1, 40, 22, 26)),
    Case(NONE, (1, 40, 23, 29), residual=True),
    Case(NONE, (1, 40, 23, 29)),
    # One to four pixels, and odd sizes.
    Case(MAX, (2, 128, 2, 2)),
    Case(MEAN, (2, 20, 2, 2)),
    Case(NONE, (2, 20, 1, 1)),
    Case(NORM, (2, 3, 3, 1)),
)
LARGE = (
    Case(MEAN, (5, 128, 128, 128)),
    Case(MEAN, (3, 128, 64, 64)),
    Case(MEAN, (3, 128, 4, 4)),
    Case(MAX, (3, 64, 128, 128)),
    Case(MAX, (3, 512, 16, 16)),
    Case(NONE, (3, 64, 128, 128), residual=True),
    Case(NONE, (3, 512, 16, 16), residual=True),
    Case(NORM, (3, 256, 32, 32)),
    Case(NONE, (2, 64, 113, 97)),
)


def plain(maps: Tensor, scale: Tensor, shift: Tensor, residual: Tensor | None, form: Form) -> Tensor:
    """The function that `norm_relu_pool` is to compute, in torch's own operations."""
    done = F.group_norm(maps, maps.shape[1], scale, shift, EPS)
    done = done if residual is None else done + residual
    done = F.relu(done) if form.relu else done
    pooled: dict[str, Callable[[Tensor], Tensor]] = {
        "none": lambda maps: maps,
        "mean": lambda maps: F.avg_pool2d(maps, 2),
        "max": lambda maps: F.max_pool2d(maps, 2),
    }
    return pooled[form.pooling](done)


def errors(case: Case, dtype: torch.dtype, device: torch.device, *, levels: int = 0, mean: float = 2.0) -> list[float]:
    """Return the largest relative error of maps and their gradients, and of the gradients of scale and shift.

    `levels`: how many different values the maps have, so that maxima come several times; 0: no such limit. `mean`: of
    the maps, in standard deviations.
    """
    draws = torch.Generator().manual_seed(case.shape[1])
    drawn = torch.randn(case.shape, generator=draws) * 3 + 3 * mean
    if levels:
        drawn = torch.randint(levels, case.shape, generator=draws).float()
    channels = case.shape[1]
    maps = drawn.to(device, dtype).contiguous(memory_format=torch.channels_last)
    # The sign of the scale turns a channel's largest value into its smallest.
    scale = torch.randn(channels, generator=draws).to(device)
    shift = torch.randn(channels, generator=draws).to(device)
    inputs = [maps, scale, shift]
    if case.residual:
        inputs.append(torch.randn(case.shape, generator=draws).to(device, dtype))
    inputs = [given.requires_grad_() for given in inputs]
    residual = inputs[3] if case.residual else None
    done = norm_relu_pool(maps, scale, shift, EPS, case.form, residual)
    assert done.dtype == dtype
    assert done.is_contiguous(memory_format=torch.channels_last)
    slope = torch.randn(done.shape, generator=draws).to(device, dtype)
    gradients = torch.autograd.grad(done, inputs, slope)

    doubles = [given.detach().double().requires_grad_() for given in inputs]
    right = plain(doubles[0], doubles[1], doubles[2], doubles[3] if case.residual else None, case.form)
    exact = torch.autograd.grad(right, doubles, slope.double())
    of_maps = [(done, right), (gradients[0], exact[0])]
    of_parameters = [(gradients[1], exact[1]), (gradients[2], exact[2])]
    if case.residual:
        of_maps.append((gradients[3], exact[3]))
    return [max(_distance(*pair) for pair in pairs) for pairs in (of_maps, of_parameters)]


def _distance(seen: Tensor, right: Tensor) -> float:
    # A plane of one pixel has no gradient but float64's rounding.
    return float(((seen.double() - right).norm() / right.norm().clamp_min(1e-6)).detach())


def check_forms(device: torch.device) -> str:
    """Every form and size, float32 and bfloat16. What bfloat16 maps are summed to is float32 and as exact."""
    worst = {torch.float32: 0.0, torch.bfloat16: 0.0}
    cases = SMALL if device.type == "cpu" else SMALL + LARGE
    for case in cases:
        for dtype in worst:
            of_maps, of_parameters = errors(case, dtype, device)
            # Rounding a result to its format costs half an eps, and all before it is float32. The interpreter cuts off.
            rounding = torch.finfo(dtype).eps * (1.0 if device.type == "cpu" else 0.5)
            limit = ROUNDINGS * torch.finfo(torch.float32).eps + rounding
            assert of_maps <= limit, f"{case}, {dtype}: {of_maps:.2g} away from float64, more than {limit:.2g}"
            limit = ROUNDINGS * torch.finfo(torch.float32).eps
            assert of_parameters <= limit, f"{case}, {dtype}: gradients of scale and shift are {of_parameters:.2g} away"
            worst[dtype] = max(worst[dtype], of_maps)
    seen = ", ".join(f"{str(dtype).removeprefix('torch.')} {error:.1e}" for dtype, error in worst.items())
    return f"{len(cases)} forms and sizes, largest relative error {seen}"


def check_equal_maxima(device: torch.device) -> str:
    """Where several pixels of a window are its maximum the first one has the gradient, as in torch."""
    worst, _ = errors(Case(MAX, (2, 64, 8, 8)), torch.float32, device, levels=3)
    assert worst <= ROUNDINGS * torch.finfo(torch.float32).eps, f"{worst:.2g} away from float64"
    return f"three values in all: relative error {worst:.1e}"


def check_mean_far_from_zero(device: torch.device) -> str:
    """A mean of 1,000 standard deviations: the difference of large squares would have no digit left."""
    worst, _ = errors(Case(MEAN, (1, 32, 24, 24)), torch.float32, device, mean=1000.0)
    assert worst <= 1000 * torch.finfo(torch.float32).eps, f"{worst:.2g} away from float64"
    return f"relative error {worst:.1e}"


def check_not_a_number(device: torch.device) -> str:
    """A diverged training shows: one NaN makes its plane NaN, ReLU and pooling or not, and no other plane."""
    for form in (MEAN, MAX, NONE):
        maps = torch.randn(2, 32, 4, 4, generator=torch.Generator().manual_seed(0)).to(device)
        maps[1, 5, 2, 3] = torch.nan
        ones = torch.ones(32, device=device)
        done = norm_relu_pool(maps, ones, ones, EPS, form).isnan()
        assert done[1, 5].all(), f"{form} hides NaN"
        assert int(done.sum()) == done[1, 5].numel(), f"{form} spreads NaN to other planes"
    return "one NaN is a plane of NaN"


def check_equal_runs_have_equal_bits(device: torch.device) -> str:
    """Nothing is added in the order in which programs happen to end."""
    case = Case(MEAN, (2, 32, 24, 24)) if device.type == "cpu" else LARGE[0]
    draws = torch.Generator().manual_seed(0)
    maps = torch.randn(case.shape, generator=draws).to(device).requires_grad_()
    scale = torch.ones(case.shape[1], device=device).requires_grad_()
    done = norm_relu_pool(maps, scale, torch.zeros_like(scale), EPS, case.form)
    slope = torch.randn(done.shape, generator=draws).to(device)
    first, second = (torch.autograd.grad(done, (maps, scale), slope, retain_graph=True) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    return "both passes repeat their bits"


def check_networks(device: torch.device) -> str:
    """Fused ConvNet, VGG11 and ResNet18 are as near to float64 as the plain ones, logits and every gradient."""
    places = [("ConvNetD3", 8)]
    if device.type == "cuda":
        places = [
            *(("ConvNetD3", 32), ("VGG11", 32), ("ResNet18", 32)),
            *(("ConvNetD5", 128), ("VGG11", 128), ("ResNet18", 128), ("ConvNetD4", 60)),
        ]
    for architecture, size in places:
        model = build_model(architecture, num_classes=10, channels=3, size=size, seed=0).to(device)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for dtype in (torch.float32, torch.bfloat16):
            reason = trust.why_not_fused(model, (3, size, size), dtype, device)
            assert reason is None, f"{architecture}, {size} px, {dtype}: {reason}"
    return f"{len(places)} networks in float32 and bfloat16"


def check_cuda_graph(device: torch.device) -> str:
    """A recorded forward and backward pass gives what the same pass gives as it comes, on images that came later."""
    if device.type == "cpu":
        raise SkipTest("CUDA graphs need CUDA")
    model = build_model("ConvNetD3", num_classes=10, channels=3, size=32, seed=0).to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network = fused(model)
    images = torch.randn(16, 3, 32, 32, device=device).contiguous(memory_format=torch.channels_last)

    def run() -> list[Tensor]:
        with torch.autocast("cuda", torch.bfloat16, cache_enabled=False):
            logits = network(images)
        return [logits, *torch.autograd.grad(logits.float().square().sum(), list(model.parameters()))]

    stream = cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        recorded = run()
    images.copy_(torch.randn_like(images))
    graph.replay()
    worst = max(_distance(again, now) for again, now in zip(recorded, run(), strict=True))
    # cuDNN may take another algorithm, with the rounding of bfloat16.
    assert worst <= torch.finfo(torch.bfloat16).eps, f"the graph's result is {worst:.2g} away"
    return f"largest relative difference {worst:.1e}"


def check_times(device: torch.device) -> str:
    """Nothing is asserted: ConvNetD5 with 64 rows plain and fused, and how fast its first norm moves its bytes."""
    if device.type == "cpu":
        raise SkipTest("nothing is timed on a CPU")
    model = build_model("ConvNetD5", num_classes=10, channels=3, size=128, seed=0).to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(64, 3, 128, 128, device=device).contiguous(memory_format=torch.channels_last)
    spent = {}
    for name, network in {"plain": model, "fused": fused(model)}.items():

        def step(network: torch.nn.Module = network) -> None:
            with torch.autocast("cuda", torch.bfloat16):
                loss = network(images).float().square().sum()
            torch.autograd.backward(loss)

        spent[name] = _milliseconds(step)

    maps = torch.randn(64, 128, 128, 128, device=device, dtype=torch.bfloat16)
    maps = maps.contiguous(memory_format=torch.channels_last).requires_grad_()
    scale, shift = (torch.ones(128, device=device).requires_grad_() for _ in range(2))
    done = norm_relu_pool(maps, scale, shift, EPS, MEAN)
    slope = torch.randn_like(done)
    forward = _milliseconds(lambda: norm_relu_pool(maps, scale, shift, EPS, MEAN))
    backward = _milliseconds(lambda: torch.autograd.grad(done, (maps, scale, shift), slope, retain_graph=True))
    # Forward the maps are read once and a quarter is written, backward as much is read and the maps are written.
    gigabytes = maps.numel() * 2 / 1e9
    rates = f"{1.25 * gigabytes / forward:.2f} and {2.25 * gigabytes / backward:.2f} TB/s of the bytes that must move"
    return (
        f"ConvNetD5, 64 rows, bfloat16 NHWC: plain {spent['plain']:.2f} ms, fused {spent['fused']:.2f} ms; its first "
        f"norm {forward:.3f} ms forward, {backward:.3f} ms backward, {rates}"
    )


def _milliseconds(work: Callable[[], object], times: int = 20) -> float:
    for _ in range(3):
        work()
    begun, ended = (cuda.Event(enable_timing=True) for _ in range(2))
    begun.record()
    for _ in range(times):
        work()
    ended.record()
    ended.synchronize()
    return float(begun.elapsed_time(ended)) / times


def checks() -> list[Callable[[torch.device], str]]:
    """All of them, the quickest first."""
    return [
        check_equal_maxima,
        check_mean_far_from_zero,
        check_not_a_number,
        check_equal_runs_have_equal_bits,
        check_cuda_graph,
        check_forms,
        check_networks,
        check_times,
    ]
