"""Exact float32 holds inside its context alone."""

from typing import Any

import pytest
import torch

from workers.ladd.engine.precision import exact_float32


def settings() -> list[str]:
    cudnn: Any = torch.backends.cudnn
    return [cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision]


def test_tf32_is_off_inside_and_as_before_outside() -> None:
    before = settings()
    with exact_float32():
        assert settings() == ["ieee", "ieee"]
    assert settings() == before
    with pytest.raises(KeyError), exact_float32():
        raise KeyError
    assert settings() == before
