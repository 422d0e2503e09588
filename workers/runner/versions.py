"""Software and hardware behind the numbers of a result."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

UNKNOWN = "not installed"
"""In place of a version where a package runs from its files, as the service does from a checkout."""


def versions() -> dict[str, str]:
    """Versions that a number depends on."""
    return {
        "ladd-service": _version("ladd-service"),
        "python": platform.python_version(),
        "torch": _version("torch"),
        "numpy": _version("numpy"),
    }


def hardware() -> str:
    """The processor and the number of cores, as the system names them."""
    cpuinfo = Path("/proc/cpuinfo")
    name = platform.processor() or platform.machine()
    if cpuinfo.exists():
        models = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    return f"{name}, {os.cpu_count()} cores"


def _version(package: str) -> str:
    """What a report says of its making may not cost the report."""
    try:
        return version(package)
    except PackageNotFoundError:
        return UNKNOWN
