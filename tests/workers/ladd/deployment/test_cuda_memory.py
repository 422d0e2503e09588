"""The predicted peak on a GPU against peaks that one H200 showed (torch 2.11, cuDNN of CUDA 13.0).

100 images of 128 px with 25 views, `sampled:5`, micro-batches of 64, ten classes; MiB of torch's tensors over a whole
trial, training and test. Its test ran in IEEE float32 under both precisions.
"""

import pytest

from workers.ladd.deployment.cuda_memory import cuda_peak_bytes
from workers.ladd.engine.execution import Execution

SET = 100 * 3 * 128 * 128 * 4
"""Bytes of the images, which lie on the GPU; labels are next to nothing."""

EXACT = Execution()
FAST = Execution("bfloat16")
FAST_NHWC = Execution("bfloat16", "channels_last")

PEAKS = [
    ("ConvNetD5", EXACT, 2_372),
    ("ResNet18", EXACT, 7_276),
    ("VGG11", EXACT, 4_160),
    ("AlexNet", EXACT, 3_593),
    ("ViT", EXACT, 1_201),
    ("ConvNetD5", FAST, 2_162),
    ("ResNet18", FAST_NHWC, 6_241),
    ("VGG11", FAST_NHWC, 2_905),
    ("AlexNet", FAST_NHWC, 2_334),
    ("ViT", FAST, 954),
]


def predicted(architecture: str, execution: Execution, rows: int = 64, ieee_test: bool = True) -> int:
    shape = {"num_classes": 10, "channels": 3, "size": 128}
    return cuda_peak_bytes(architecture, **shape, micro_batch=rows, copies=2, execution=execution, ieee_test=ieee_test)


@pytest.mark.parametrize(("architecture", "execution", "mebibytes"), PEAKS)
def test_the_prediction_covers_the_peak_and_is_within_a_quarter(
    architecture: str, execution: Execution, mebibytes: int
) -> None:
    expected = predicted(architecture, execution) + SET
    assert mebibytes << 20 <= expected <= 1.25 * (mebibytes << 20)


def test_without_the_float32_copies_of_autocast_bfloat16_would_be_half() -> None:
    # Instance norms are computed, and their inputs kept, in float32: little is saved where they are.
    tf32, bf16 = (predicted("ConvNetD5", Execution(dtype), ieee_test=False) for dtype in ("tf32", "bfloat16"))
    assert 0.9 < bf16 / tf32 < 1.1
    tf32, bf16 = (predicted("AlexNet", Execution(dtype), ieee_test=False) for dtype in ("tf32", "bfloat16"))
    assert bf16 / tf32 < 0.75


def test_cudnn_has_workspaces_in_ieee_float32_and_nchw_alone() -> None:
    exact = predicted("VGG11", EXACT)
    assert exact - predicted("VGG11", Execution("tf32"), ieee_test=False) > 2 << 30
    # The test is computed in NCHW all the same.
    in_nhwc = predicted("VGG11", Execution(layout="channels_last"))
    assert predicted("VGG11", Execution("tf32"), ieee_test=False) < in_nhwc < exact


def test_the_prediction_grows_with_the_rows() -> None:
    few, some, many = (predicted("ViT", FAST, rows, ieee_test=False) for rows in (100, 200, 300))
    assert many - some == pytest.approx(some - few, rel=0.05)
    assert some > few
