"""Each kind of exception is blamed on the right one."""

import errno
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from api_schemas.problems import ErrorCode, ErrorOrigin
from api_schemas.runner import Confinement
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.labeler.diverged import TrainingDivergedError
from workers.ladd.labels.encodings import EncodingRefusedError
from workers.runner.failure import task_error


def cpu_out_of_memory() -> BaseException:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    return caught.value


def test_a_refused_upload_is_the_senders_and_keeps_its_reasons() -> None:
    error = task_error(rejected("labels.pt", "labels_match_images", 9, "9 labels for 10 images"))
    assert (error.code, error.origin) == (ErrorCode.REJECTED_INPUT, ErrorOrigin.INPUT)
    assert [(reason.location, reason.rule, reason.value) for reason in error.reasons] == [
        ("labels.pt", "labels_match_images", "9")
    ]
    assert error.message == "labels.pt: 9 labels for 10 images"


def test_a_learning_rate_that_blows_the_training_up_is_the_senders() -> None:
    error = task_error(TrainingDivergedError(50.0, 3, "loss", float("nan")))
    assert (error.code, error.origin) == (ErrorCode.REJECTED_INPUT, ErrorOrigin.INPUT)
    assert error.message == "lr must let the training converge; with 50.0 the loss of epoch 3 is nan"
    assert [(reason.location, reason.rule, reason.value) for reason in error.reasons] == [
        ("lr", "training_converges", "50.0")
    ]


def test_an_encoding_that_loses_too_much_is_the_senders() -> None:
    error = task_error(EncodingRefusedError("topk:1", 0.4))
    assert (error.code, error.origin) == (ErrorCode.REJECTED_INPUT, ErrorOrigin.INPUT)
    (reason,) = error.reasons
    assert (reason.location, reason.rule, reason.value) == ("encoding", "kl_limit", "topk:1")
    assert "encoding topk:1 loses too much: mean KL to float32 is 0.4 nats, the limit is 0.05" in reason.message


def test_lack_of_memory_is_the_workers() -> None:
    for exception in (MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), cpu_out_of_memory()):
        error = task_error(exception)
        assert (error.code, error.origin) == (ErrorCode.OUT_OF_MEMORY, ErrorOrigin.WORKER)


def no_gpu() -> BaseException:
    with pytest.raises((RuntimeError, AssertionError)) as caught:
        torch.zeros(1, device=f"cuda:{torch.cuda.device_count()}")
    return caught.value


@pytest.mark.parametrize(
    "exception",
    [
        no_gpu(),
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasSgemm"),
        RuntimeError("NVML_SUCCESS == r INTERNAL ASSERT FAILED"),
    ],
    ids=lambda exception: str(exception)[:20],
)
def test_a_gpu_that_fails_is_the_workers(exception: BaseException) -> None:
    error = task_error(exception)
    assert (error.code, error.origin) == (ErrorCode.DEVICE_FAILED, ErrorOrigin.WORKER), error.message


@pytest.mark.parametrize(
    "exception",
    [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("nvidia.zip is no file of ours")],
)
def test_other_errors_are_not_the_gpus(exception: BaseException) -> None:
    assert task_error(exception).code is ErrorCode.INTERNAL


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b"1" * 4000),
        lambda path: torch.save(torch.zeros(1000), path),
        lambda path: save_file({"weight": torch.zeros(1000)}, path),
    ],
    ids=["file", "torch", "safetensors"],
)
def test_a_full_disk_is_the_workers(tmp_path: Path, write: Callable[[Path], object]) -> None:
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most))
    try:
        with pytest.raises(Exception) as caught:
            write(tmp_path / "file")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))
    error = task_error(caught.value)
    assert (error.code, error.origin) == (ErrorCode.DISK_FULL, ErrorOrigin.WORKER), error.message


def test_lack_of_what_an_upload_may_take_is_the_senders() -> None:
    limits = Confinement(memory_bytes=7, file_bytes=9, cpu_seconds=1, open_files=1, network=False)
    exceptions = {
        MemoryError(): ("memory_limit", "7 bytes"),
        OSError(errno.ENOMEM, "Cannot allocate memory"): ("memory_limit", "7 bytes"),
        OSError(errno.EFBIG, "File too large"): ("file_limit", "9 bytes"),
        cpu_out_of_memory(): ("memory_limit", "7 bytes"),
    }
    for exception, expected in exceptions.items():
        error = task_error(exception, limits)
        assert (error.code, error.origin) == (ErrorCode.REJECTED_INPUT, ErrorOrigin.INPUT)
        assert [(reason.rule, reason.value) for reason in error.reasons] == [expected]
    assert task_error(KeyError("x"), limits).code is ErrorCode.INTERNAL


def test_anything_else_is_ours_and_says_what_it_was() -> None:
    error = task_error(KeyError("architecture"))
    assert (error.code, error.origin) == (ErrorCode.INTERNAL, ErrorOrigin.INTERNAL)
    assert error.message == "KeyError: 'architecture'"
