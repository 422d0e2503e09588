"""The kernels are compiled for a GPU that is not there: the interpreter takes more than Triton's compiler does."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

triton = pytest.importorskip("triton")

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

from workers.ladd.engine.kernels import triton_code  # noqa: E402
from workers.ladd.engine.kernels.norm_relu_pool import Form, Launch  # noqa: E402

HOPPER = GPUTarget("cuda", 90, 32)
MAPS = {"x_ptr", "residual_ptr", "y_ptr", "dy_ptr", "dresidual_ptr", "dx_ptr"}


def ptx(kernel: Any, launch: Launch, dtype: str, sizes: dict[str, int] | None = None) -> str:
    """Compile a kernel as torch's tensors would have it: pointers and sizes divisible by 16, but for those named."""
    constants = {name: value for name, value in {**launch.form, **launch.cut}.items() if name in kernel.arg_names}
    types = dict.fromkeys(kernel.arg_names, "i32")
    types |= {name: f"*{dtype}" if name in MAPS else "*fp32" for name in types if name.endswith("_ptr")}
    types |= {name: "fp32" for name in types if name == "eps"} | dict.fromkeys(constants, "constexpr")
    # Triton makes a constant of a size of one.
    constants |= (ones := {name: 1 for name, size in (sizes or {}).items() if size == 1 and name in types})
    types |= dict.fromkeys(ones, "constexpr")
    even = [name for name, type in types.items() if type[0] in "*i" and name not in (sizes or {})]
    divisible = {(place,): [["tt.divisibility", 16]] for place, name in enumerate(types) if name in even}
    source = ASTSource(kernel, types, constexprs=constants, attrs=divisible)
    options = {"num_warps": launch.warps, "enable_fp_fusion": True}
    compiled = triton.compile(source, target=HOPPER, options=options)
    return str(compiled.asm["ptx"])


@pytest.mark.slow
@pytest.mark.parametrize("size", [128, 16])
@pytest.mark.parametrize(
    ("form", "residual"), [(Form(pooling="mean"), False), (Form(pooling="max"), False), (Form(), True)]
)
def test_every_form_compiles_and_moves_sixteen_bytes_at_once(
    form: Form, residual: bool, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    launch = Launch(torch.empty(10, 128, size, size, device="meta"), form, residual)
    kernels = [triton_code.forward_kernel, triton_code.backward_kernel]
    if launch.splits > 1:
        kernels += [triton_code.sums_kernel]
    for kernel in kernels:
        code = ptx(kernel, launch, "bf16")
        assert re.search(r"ld\.global\S*\.v4\.b32", code)
        # A map's value alone would be 16 bits.
        assert not re.search(r"(ld|st)\.global\S*\.b16", code)


@pytest.mark.slow
@pytest.mark.parametrize(("side", "form"), [(1, Form()), (2, Form(pooling="max")), (3, Form(relu=False))])
def test_planes_of_a_few_pixels_compile(side: int, form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    launch = Launch(torch.empty(2, 32, side, side, device="meta"), form, residual=False)
    for kernel in (triton_code.forward_kernel, triton_code.backward_kernel):
        assert "ld.global" in ptx(kernel, launch, "fp32", {"plane": side**2, "width": side})
