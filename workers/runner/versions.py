"""Software and hardware behind the numbers of a result."""

import os
import platform
from importlib.metadata import version
from pathlib import Path


def versions() -> dict[str, str]:
    """Versions that a number depends on."""
    return {
        "ladd-service": version("ladd-service"),
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
    }


def hardware() -> str:
    """The processor and the number of cores, as the system names them."""
    cpuinfo = Path("/proc/cpuinfo")
    name = platform.processor() or platform.machine()
    if cpuinfo.exists():
        models = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    return f"{name}, {os.cpu_count()} cores"
