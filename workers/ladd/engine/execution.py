"""How the forward and backward passes of a deployment training are computed: number format, layout, compiler.

A table by architecture and device, never one switch for all: what makes one network faster makes another slower
(`docs/performance.md` has the measurements).
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from method.architectures import ARCHITECTURES
from workers.ladd.engine.kernels.trust import trusted

COMPILE_AFTER_SECONDS = 300.0
"""A training is compiled when it is expected to take longer than this without: the compiler takes 7 to 120 s."""

EAGER_FLOPS_PER_SECOND = {"cpu": 60e9, "cuda": 20e12}
"""Nominal speed of one core and of one GPU. Constants, so that what is computed does not depend on the day's speed."""


@dataclass(frozen=True)
class Execution:
    """`dtype`: "float32", or "bfloat16" under torch's autocast; `layout`: of images and weights in memory;
    `fused`: with the kernels of `workers.ladd.engine.kernels`, which want channels_last and no compiler.
    """

    dtype: Literal["float32", "bfloat16"] = "float32"
    layout: Literal["contiguous", "channels_last"] = "contiguous"
    compiled: bool = False
    fused: bool = False

    def forward_of(self, model: nn.Module, device: torch.device) -> Callable[[Tensor], Tensor]:
        """Return the model's forward pass, computed like this: images [B, C, H, W] to logits of the images' dtype.

        Changes the layout of the model's weights, not their values. Its first call raises what a compiler raises, and
        NotFusedError where the fused kernels cannot be had or trusted.
        """
        memory_format = torch.channels_last if self.layout == "channels_last" else torch.contiguous_format
        model.to(memory_format=memory_format)  # type: ignore[call-overload]
        network: Callable[[Tensor], Tensor] = torch.compile(model, dynamic=False) if self.compiled else model
        if self.fused:
            network = trusted(model, getattr(torch, self.dtype))
        reduced = self.dtype == "bfloat16"

        def forward(images: Tensor) -> Tensor:
            images = images.contiguous(memory_format=memory_format)
            with torch.autocast(device.type, torch.bfloat16, enabled=reduced):
                logits = network(images)
            return logits.to(images.dtype)

        return forward


EAGER = Execution()

_BF16 = Execution("bfloat16")
_BF16_NHWC = Execution("bfloat16", "channels_last")
_COMPILED = Execution(layout="channels_last", compiled=True)
_BF16_COMPILED = Execution("bfloat16", "channels_last", compiled=True)
_FUSED = Execution(layout="channels_last", fused=True)
_BF16_FUSED = Execution("bfloat16", "channels_last", fused=True)

_FASTEST: dict[tuple[str, str], dict[str, Execution]] = {
    ("exact", "cpu"): {"ConvNet": _COMPILED},
    ("exact", "cpu bf16"): {"ConvNet": _COMPILED},
    ("exact", "cpu amx"): {"ConvNet": _COMPILED, "AlexNet": Execution(layout="channels_last")},
    # Fused: checked against float64 in Triton's interpreter, never timed.
    ("exact", "cuda"): {"ConvNet": _FUSED, "VGG11": _FUSED, "ResNet18": _FUSED},
    # Without instructions for bfloat16 a CPU emulates it, slower than float32.
    ("fast", "cpu"): {"ConvNet": _COMPILED},
    ("fast", "cpu bf16"): {
        "ConvNet": _BF16_COMPILED,
        "AlexNet": _BF16,
        "VGG11": _BF16,
        "ResNet18": _BF16,
        "ViT": _BF16,
    },
    ("fast", "cpu amx"): {
        "ConvNet": _BF16_COMPILED,
        "AlexNet": _BF16_NHWC,
        "VGG11": _BF16_COMPILED,
        "ResNet18": _BF16,
        "ViT": _BF16,
    },
    # Not measured: predicted from arithmetic and bytes.
    ("fast", "cuda"): {
        "ConvNet": _BF16_FUSED,
        "AlexNet": _BF16_NHWC,
        "VGG11": _BF16_FUSED,
        "ResNet18": _BF16_FUSED,
        "ViT": Execution("bfloat16", compiled=True),
    },
}
"""By precision and kind of device, then by family of architecture; what is missing is computed eagerly in float32.
The rows "cpu amx" were chosen with the modes of `benchmarks/step_variants.py` on a processor with AMX, the rows "cpu
bf16" on one with AVX-512 BF16 alone, where channels_last made eager bfloat16 slower than float32."""


def choose_execution(architecture: str, device: torch.device, precision: str, flops: float) -> Execution:
    """Return how to compute a training of `flops` floating-point operations (1 MAC = 2).

    "exact" is float32, if need be compiled; "fast" may be bfloat16. A training is compiled only when it is long enough
    and a compiler is there.
    """
    family = ARCHITECTURES[architecture].family
    kind = device.type if device.type == "cuda" else cpu_kind()
    fastest = _FASTEST[precision, kind].get(family, EAGER)
    seconds = flops / EAGER_FLOPS_PER_SECOND[device.type]
    if fastest.compiled and not (seconds > COMPILE_AFTER_SECONDS and _has_compiler()):
        return uncompiled(fastest)
    return fastest


def uncompiled(execution: Execution) -> Execution:
    """Return the same number format without the compiler and the fused kernels, which make channels_last pay."""
    return Execution(execution.dtype)


@lru_cache
def cpu_kind() -> str:
    """ "cpu amx", "cpu bf16" or "cpu", by what the processor can do with bfloat16."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text().split() if cpuinfo.exists() else []
    if "amx_bf16" in flags:
        return "cpu amx"
    return "cpu bf16" if "avx512_bf16" in flags else "cpu"


def _has_compiler() -> bool:
    """Inductor writes C++ for a CPU, and for a GPU Triton code with a launcher in C."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++"))
