"""The GPUs that a worker may use, by name; nothing is asked of torch, which the runners alone have."""

import os
import re
import shutil
import subprocess
from pathlib import Path

NVIDIA_SMI_SECONDS = 30

DRIVER_FILES = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidiactl"))
"""There where a driver of NVIDIA is loaded, or passed on to a container."""

REMEDY = "set CUDA_VISIBLE_DEVICES to the GPUs to use, or LADD_WORKER_DEVICE=cpu to compute on the CPU"


class UnusableDeviceError(Exception):
    """The GPUs of this machine cannot be told, or there is none where one is asked for; the message has the remedy."""


def visible_gpus(required: bool = False) -> list[str]:
    """Return what CUDA_VISIBLE_DEVICES names, else the UUIDs that the driver lists.

    Empty where that variable says so, or nothing of NVIDIA is on this machine; unless one is `required`. A machine
    whose GPUs cannot be told does not compute on its CPU unasked. Raises UnusableDeviceError.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        gpus = [gpu.strip() for gpu in named.split(",") if gpu.strip() not in ("", "-1")]
        missing = f"CUDA_VISIBLE_DEVICES is {named!r}"
    elif (tool := shutil.which("nvidia-smi")) is not None:
        return _listed(tool)
    elif signs := [str(path) for path in DRIVER_FILES if path.exists()]:
        raise UnusableDeviceError(f"there is {signs[0]}, but no nvidia-smi to list the GPUs: {REMEDY}")
    else:
        gpus, missing = [], "this machine has neither nvidia-smi nor a driver of NVIDIA"
    if required and not gpus:
        raise UnusableDeviceError(f"LADD_WORKER_DEVICE is cuda, but {missing}")
    return gpus


def memory_bytes(gpu: str) -> int | None:
    """Return the whole memory of a GPU, given its index or UUID; None where the driver does not tell, as of MIG."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    told = _asked(tool, "memory.total", "--id", gpu).stdout.strip()
    return int(told.removesuffix(" MiB")) << 20 if re.fullmatch(r"[0-9]+ MiB", told) else None


def _listed(tool: str) -> list[str]:
    listing = _asked(tool, "uuid")
    gpus = listing.stdout.split("\n")[:-1]
    if listing.returncode == 0 and gpus and all(re.fullmatch(r"(GPU|MIG)-\S+", gpu.strip()) for gpu in gpus):
        return [gpu.strip() for gpu in gpus]
    told = " ".join((listing.stdout + listing.stderr).split())[:200] or "nothing"
    raise UnusableDeviceError(f"{tool} lists no GPU; exit status {listing.returncode}, it says: {told}. {REMEDY}")


def _asked(tool: str, field: str, *options: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [tool, f"--query-gpu={field}", "--format=csv,noheader", *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=NVIDIA_SMI_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnusableDeviceError(f"{tool} has not answered in {NVIDIA_SMI_SECONDS} s: {REMEDY}") from None
    except OSError as error:
        raise UnusableDeviceError(f"{tool} does not start ({error.strerror}): {REMEDY}") from error
