"""How the forward and backward passes of a deployment training are computed: number format, layout, compiler.

A table by architecture and device, never one switch for all: what makes one network faster makes another slower
(`docs/performance.md` has the measurements).
"""

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from method.architectures import ARCHITECTURES
from method.precisions import EXACT, PRECISIONS, PUBLISHED
from workers.ladd.engine.kernels.trust import trusted
from workers.ladd.engine.precision import exact_float32, published_float32

EAGER_FLOPS_PER_SECOND = {"cpu": 60e9, "cuda": 30e12}
"""Nominal speed of one core and of one GPU without a compiler, where none was measured: an H200 trained ConvNetD5 in
bfloat16 at 159 us a row of 5.04 GFLOP."""

COMPILED_SAVES = {"cpu": 0.25, "cuda": 2 / 3}
"""The part of a training's time that compiling saves. On an H200 a row of ConvNetD5 took 54 us for 169; of a CPU the
least that the ConvNets gained (`docs/performance.md`)."""

COMPILING_SECONDS = {"cpu": 60.0, "cuda": 19.0}
"""For which the compiler works where nothing was compiled yet: 7 to 120 s on a CPU, 12 to 19 s on an H200."""

LOADING_SECONDS = {"cpu": 15.0, "cuda": 10.0}
"""For which each training's process takes up what is compiled already: 5 to 20 s on a CPU (ConvNetD3 and D5 on a busy
machine of two cores: 6 to 8 s, after 64 and 111 s for compiling them); on a GPU a guess."""


@dataclass(frozen=True)
class Execution:
    """The arithmetic of a network's passes.

    `dtype`: "float32"; "tf32", float32 whose cuDNN convolutions multiply in TF32; "bfloat16" under torch's autocast.
    `layout`: of images and weights in memory. `fused`: with the kernels of `workers.ladd.engine.kernels`, which want
    channels_last and no compiler.
    """

    dtype: Literal["float32", "tf32", "bfloat16"] = "float32"
    layout: Literal["contiguous", "channels_last"] = "contiguous"
    compiled: bool = False
    fused: bool = False

    def float32(self) -> AbstractContextManager[None]:
        """Compute what the passes leave in float32 as `dtype` has it, for the block."""
        return exact_float32() if self.dtype == "float32" else published_float32()

    def forward_of(self, model: nn.Module, device: torch.device) -> Callable[[Tensor], Tensor]:
        """Return the model's forward pass, computed like this: images [B, C, H, W] to logits of the images' dtype.

        Changes the layout of the model's weights, not their values. Its first call raises what a compiler raises, and
        NotFusedError where the fused kernels cannot be had or trusted.
        """
        memory_format = torch.channels_last if self.layout == "channels_last" else torch.contiguous_format
        model.to(memory_format=memory_format)  # type: ignore[call-overload]
        network: Callable[[Tensor], Tensor] = torch.compile(model, dynamic=False) if self.compiled else model
        reduced = self.dtype == "bfloat16"
        if self.fused:
            network = trusted(model, torch.bfloat16 if reduced else torch.float32)

        def forward(images: Tensor) -> Tensor:
            images = images.contiguous(memory_format=memory_format)
            with torch.autocast(device.type, torch.bfloat16, enabled=reduced):
                logits = network(images)
            return logits.to(images.dtype)

        return forward


EAGER = Execution()

_BF16 = Execution("bfloat16")
_BF16_NHWC = Execution("bfloat16", "channels_last")
_NHWC = Execution(layout="channels_last")
_COMPILED = Execution(layout="channels_last", compiled=True)
_BF16_COMPILED = Execution("bfloat16", "channels_last", compiled=True)
_TF32_FUSED = Execution("tf32", "channels_last", fused=True)
_BF16_FUSED = Execution("bfloat16", "channels_last", fused=True)

_FASTEST: dict[tuple[str, str], dict[str, Execution]] = {
    ("exact", "cpu"): {"ConvNet": _COMPILED},
    ("exact", "cpu bf16"): {"ConvNet": _COMPILED},
    ("exact", "cpu amx"): {"ConvNet": _COMPILED, "AlexNet": _NHWC},
    # In IEEE float32 ten images took 6.6 times the time of TF32, and the 1,977 MiB of an FFT of 49,152 filters, which
    # cuDNN's heuristics choose for however few images. Its reference has the FFT for NCHW alone. Not measured since.
    # No fused kernels here: they want NHWC, in which cuDNN has few convolutions of IEEE float32.
    ("exact", "cuda"): {"AlexNet": _NHWC},
    # The fused kernels were checked against float64 in Triton's interpreter, never timed.
    ("published", "cuda"): {"ConvNet": _TF32_FUSED, "VGG11": _TF32_FUSED, "ResNet18": _TF32_FUSED},
    # Without instructions for bfloat16 a CPU emulates it, slower than float32.
    ("fast", "cpu"): {"ConvNet": _COMPILED},
    ("fast", "cpu bf16"): {
        "ConvNet": _BF16_COMPILED,
        "AlexNet": _BF16,
        "VGG11": _BF16,
        "ResNet18": _BF16,
        "ResNet18BN": _BF16,
        "ViT": _BF16,
    },
    ("fast", "cpu amx"): {
        "ConvNet": _BF16_COMPILED,
        "AlexNet": _BF16_NHWC,
        "VGG11": _BF16_COMPILED,
        "ResNet18": _BF16,
        "ResNet18BN": _BF16,
        "ViT": _BF16,
    },
    # Not measured: predicted from arithmetic and bytes.
    ("fast", "cuda"): {
        "ConvNet": _BF16_FUSED,
        "AlexNet": _BF16_NHWC,
        "VGG11": _BF16_FUSED,
        "ResNet18": _BF16_FUSED,
        "ResNet18BN": _BF16_NHWC,
        "ViT": Execution("bfloat16", compiled=True),
    },
}
"""By precision and kind of device, then by family of architecture; what is missing is computed eagerly in float32.
On a CPU "published" is "exact".
The rows "cpu amx" were chosen with the modes of `benchmarks/step_variants.py` on a processor with AMX, the rows "cpu
bf16" on one with AVX-512 BF16 alone, where channels_last made eager bfloat16 slower than float32. ResNet18BN was not
measured; it may not be compiled, as the rows that fill up a micro-batch would go into its statistics."""


@dataclass(frozen=True)
class Workload:
    """The work that a compiled network would do: a training of `flops` floating-point operations (1 MAC = 2).

    `alike`: how many trainings of its job one compilation serves, this one included; `rate`: FLOP/s of such
    trainings without a compiler, as measured on this kind of device before the job; None: it was not.
    """

    flops: float
    alike: int = 1
    rate: float | None = None

    def pays(self, kind: str) -> bool:
        """Tell whether compiling saves more time than it takes on a device of this kind ("cpu", "cuda").

        The answer is that of the whole job: none of the numbers depends on the day's speed. A single training pays on
        a CPU from 300 s on, many alike from 60 s on; on a GPU from 44 and 15 s on.
        """
        seconds = self.flops / (self.rate or EAGER_FLOPS_PER_SECOND[kind])
        return seconds * COMPILED_SAVES[kind] > COMPILING_SECONDS[kind] / self.alike + LOADING_SECONDS[kind]


def choose_execution(
    architecture: str, device: torch.device, precision: str, work: Workload, deterministic: bool = False
) -> Execution:
    """Return how to compute trainings of an architecture.

    "exact" and "published" are float32, which differ on a GPU; "fast" may be bfloat16. Trainings are compiled only when
    that pays and a compiler is there; `deterministic` ones not on a GPU, where it picks kernels by their time.
    """
    family = ARCHITECTURES[architecture].family
    on_gpu = device.type == "cuda"
    kind = "cuda" if on_gpu else cpu_kind()
    table = EXACT if precision == PUBLISHED and not on_gpu else precision
    otherwise = Execution("tf32") if on_gpu and PRECISIONS[precision].tf32 else EAGER
    fastest = _FASTEST[table, kind].get(family, otherwise)
    if fastest.compiled and ((deterministic and on_gpu) or not work.pays(device.type) or not _has_compiler()):
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
