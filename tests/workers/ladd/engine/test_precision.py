"""Float32 arithmetic holds inside its context alone, and is that of the precision in training and test."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch

from workers.ladd.engine.execution import Execution
from workers.ladd.engine.precision import exact_float32, float32_of, published_float32


def settings() -> list[str]:
    cudnn: Any = torch.backends.cudnn
    return [cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision]


@pytest.mark.parametrize(
    ("context", "inside"), [(exact_float32, ["ieee", "ieee"]), (published_float32, ["tf32", "ieee"])]
)
def test_arithmetic_is_as_named_inside_and_as_before_outside(
    context: Callable[[], AbstractContextManager[None]], inside: list[str]
) -> None:
    before = settings()
    with context():
        assert settings() == inside
    assert settings() == before
    with pytest.raises(KeyError), context():
        raise KeyError
    assert settings() == before


def test_torchs_own_default_is_the_published_arithmetic() -> None:
    # Of a fresh process: where this fails, torch has changed what the published loops would compute in.
    cudnn: Any = torch.backends.cudnn
    assert cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize(
    ("context", "convolutions"),
    [
        (float32_of("published"), "tf32"),
        (float32_of("exact"), "ieee"),
        (float32_of("fast"), "tf32"),
        (Execution("float32").float32(), "ieee"),
        (Execution("tf32").float32(), "tf32"),
        (Execution("bfloat16").float32(), "tf32"),
    ],
)
def test_tf32_is_for_convolutions_where_the_precision_has_it(
    context: AbstractContextManager[None], convolutions: str
) -> None:
    with context:
        assert settings() == [convolutions, "ieee"]
