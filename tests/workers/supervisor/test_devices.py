"""A machine whose GPUs cannot be told says so, instead of computing on its CPU without a word."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from workers.supervisor import devices
from workers.supervisor.devices import UnusableDeviceError, memory_bytes, visible_gpus

Tool = Callable[[str], None]


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of NVIDIA is there, whatever machine runs this."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "DRIVER_FILES", (tmp_path / "nvidiactl",))
    folders = [folder for folder in os.environ["PATH"].split(":") if not Path(folder, "nvidia-smi").exists()]
    monkeypatch.setenv("PATH", ":".join([str(tmp_path), *folders]))


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """Puts a program of the name nvidia-smi on the path."""

    def install(script: str) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(script)
        program.chmod(0o755)

    return install


def test_gpus_are_those_the_driver_lists(tool: Tool) -> None:
    tool("#!/bin/sh\necho GPU-aa\necho 'GPU-bb '\n")
    assert visible_gpus() == ["GPU-aa", "GPU-bb"]


def test_gpus_that_are_named_are_not_looked_for(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    tool("#!/bin/sh\nexit 9\n")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0, MIG-5f,-1")
    assert visible_gpus(required=True) == ["0", "MIG-5f"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_gpus() == []


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("#!/bin/sh\necho 'No devices were found'\n", "exit status 0, it says: No devices were found"),
        ("#!/bin/sh\necho 'No devices were found'\nexit 6\n", "exit status 6, it says: No devices were found"),
        ("#!/bin/sh\necho 'NVML: version mismatch' >&2\nexit 18\n", "exit status 18, it says: NVML: version mismatch"),
        ("#!/bin/sh\necho GPU-aa\necho 'Unable to determine the device handle'\n", "it says: GPU-aa Unable to"),
        ("#!/bin/sh\nexit 0\n", "exit status 0, it says: nothing"),
        ("#!/bin/sh\nexec sleep 60\n", "has not answered in 0.2 s"),
        ("#!/no/such/program\n", "does not start"),
    ],
    ids=["none", "none and status", "mismatch", "one is lost", "silent", "hangs", "broken"],
)
@pytest.mark.parametrize("required", [False, True])
def test_a_driver_that_lists_no_gpu_is_no_reason_for_the_cpu(
    tool: Tool, monkeypatch: pytest.MonkeyPatch, script: str, message: str, required: bool
) -> None:
    monkeypatch.setattr(devices, "NVIDIA_SMI_SECONDS", 0.2)
    tool(script)
    with pytest.raises(UnusableDeviceError, match=message) as caught:
        visible_gpus(required)
    assert str(caught.value).endswith(devices.REMEDY)


def test_a_driver_without_its_tool_is_no_reason_for_the_cpu(tmp_path: Path) -> None:
    (tmp_path / "nvidiactl").touch()
    with pytest.raises(UnusableDeviceError, match="nvidiactl, but no nvidia-smi"):
        visible_gpus()


def test_a_machine_without_anything_of_nvidia_computes_on_its_cpu_unless_a_gpu_is_asked_for() -> None:
    assert visible_gpus() == []
    with pytest.raises(UnusableDeviceError, match="has neither nvidia-smi nor a driver"):
        visible_gpus(required=True)


def test_the_memory_of_a_gpu_is_what_the_driver_tells_of_it(tool: Tool) -> None:
    assert memory_bytes("GPU-aa") is None
    tool("#!/bin/sh\n[ \"$3 $4\" = '--id GPU-aa' ] && echo '81559 MiB' || echo '[N/A]'\n")
    assert memory_bytes("GPU-aa") == 81559 << 20
    assert memory_bytes("MIG-5f") is None
