"""The engine on this device against the engine on the CPU: losses of the five networks in every precision.

How far rounding may drive two trainings apart depends on the network: VGG11's losses after six steps are thousands of
times further apart than its weights were before them, ConvNetD3's are not. So the limit is measured, on the CPU: how
far apart they are when every weight starts a rounding error away, times `ALLOWED`.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import torch

from method.precisions import FAST, PRECISIONS, PUBLISHED
from tests.gpu.small_training import TrainingProcess, Work, networks, small, tempered, train

ROUNDING = {"exact": 2**-24, "published": 2**-11, "fast": 2**-8}
"""Unit round-off: of float32, of TF32 (10 bits after the point), of bfloat16 (7 bits)."""

ALLOWED = 32
"""The perturbation is one rounding error for each weight, in the first step alone; a training rounds in every layer of
six steps forth and back. With what was seen on an H200 in exact arithmetic the largest factor was about 8 (VGG11)."""


def check_with_the_cpu(device: torch.device) -> str:
    """Epoch by epoch; ViT without dropout, which draws other masks on every kind of device."""
    return _with_the_cpu([small(network, device) for network in networks(device)], device)


def check_tempered_recipes_with_the_cpu(device: torch.device) -> str:
    """The same of AdamW, mixed rows and batch norm."""
    return _with_the_cpu(tempered(device), device)


def _with_the_cpu(works: Sequence[Work], device: torch.device) -> str:
    lines, wrong = [], []
    for work in works:
        network = work.architecture
        cpu = train(work, "cpu", dropout=False)
        for precision in PRECISIONS:
            unit = ROUNDING[precision]
            spread = train(work, "cpu", dropout=False, perturbation=unit).difference(cpu)
            here = train(replace(work, precision=precision), device, dropout=False)
            found, limits = here.difference(cpu), [ALLOWED * (unit + distance) for distance in spread]
            lines.append(
                f"{network:10} {precision:9} after each epoch "
                + ", ".join(f"{seen:.1e} (allowed {limit:.1e})" for seen, limit in zip(found, limits, strict=True))
            )
            # Not `>`: a loss that is not a number is no difference either way.
            if not all(seen <= limit for seen, limit in zip(found, limits, strict=True)):
                wrong.append(f"{network} {precision}")
    table = "\n" + "\n".join(lines)
    assert not wrong, f"{', '.join(wrong)} too far from the CPU:{table}"
    return table


def check_bits_repeat(device: torch.device) -> str:
    """Which networks end with the same bits when they train twice; all must on a CPU, and ConvNets everywhere."""
    repeats = {}
    for network in networks(device):
        for precision in PRECISIONS:
            works = [small(network, device, precision=precision)] * 2
            repeats[network, precision] = len({train(work, device).sha256 for work in works}) == 1
    table = "\n" + "\n".join(
        f"{network:9} " + ", ".join(f"{each} {'yes' if repeats[network, each] else 'NO'}" for each in PRECISIONS)
        for network in networks(device)
    )
    expected = networks(device) if device.type == "cpu" else ("ConvNetD3",)
    assert all(repeats[network, "exact"] for network in expected), f"bits that repeated before do not:{table}"
    return table


def check_bits_repeat_when_deterministic(device: torch.device) -> str:
    """The networks under `deterministic: true`, in another process: cuBLAS reads its environment when it starts."""
    cases = list(product(networks(device), (PUBLISHED, FAST)))
    works = [small(network, device, precision=each, more={"deterministic": True}) for network, each in cases]
    works = [work for work in works for _ in range(2)]
    with TrainingProcess(works, device, {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}) as process:
        process.wait_until_ready()
        process.start()
        outcomes = process.outcomes()
    assert outcomes is not None, "the process was killed"
    digests = [outcome.sha256 for outcome in outcomes]
    pairs = zip(cases, digests[::2], digests[1::2], strict=True)
    different = [" ".join(case) for case, first, second in pairs if first != second]
    assert not different, f"other bits the second time: {', '.join(different)}"
    return f"{', '.join(' '.join(case) for case in cases)}: each twice"
