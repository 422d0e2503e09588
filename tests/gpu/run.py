"""`make test-gpu`: whether the engine computes on this GPU what it computes on a CPU, and survives what it must.

    python3 tests/gpu/run.py [--seconds S] [--out FILE] [--smoke] [CHECK...]

Needs torch, numpy, scipy, Pillow and safetensors, no installation and no package index. Every function `check_...` of
every module `check_*.py` in this folder is called with the device, one after the other in this process; it raises
AssertionError where something is wrong, unittest.SkipTest where its requirements are missing, and else returns what
was seen. Checks that are named run alone. Exit status: 0 all passed; 1 one failed; 3 there is no CUDA; 4 no time was
left for one.
"""

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import SkipTest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "client")]
# For the processes that checks start.
os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:3])

FIRST = ("equality", "kernels", "graphs", "interruptions", "labels", "runner", "memory")
LAST = "service"
"""Modules in the order of what they decide; others come before the last, which takes longest."""

FAILED, NO_CUDA, NO_TIME = 1, 3, 4

Check = Callable[[Any], str]


class TimeIsUp(BaseException):
    """No second is left; not an error, so that nothing that goes on after errors catches it."""


def checks() -> dict[str, Check]:
    """Return every check as "module.name", in the order in which they are to run; an import that fails is a check."""
    names = {path.stem.removeprefix("check_") for path in Path(__file__).parent.glob("check_*.py")}
    others = sorted(names - {*FIRST, LAST})
    found: dict[str, Check] = {}
    for name in (*FIRST, *others, LAST):
        if name not in names:
            continue
        try:
            module = importlib.import_module(f"tests.gpu.check_{name}")
        except Exception as error:
            found[f"{name}.import"] = _raising(error)
            continue
        for each, value in vars(module).items():
            if each.startswith("check_") and value.__module__ == module.__name__:
                found[f"{name}.{each.removeprefix('check_')}"] = value
    return found


def main() -> int:
    """Run them, say how each ended, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checks", nargs="*", metavar="CHECK", help="a module, or module.name; default: all")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="sizes are tiny on a CPU")
    parser.add_argument("--smoke", action="store_const", const="cpu", dest="device", help="--device cpu")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="name what is not done by then as not run")
    parser.add_argument("--out", type=Path, help="JSON of what was seen, written after every check")
    asked = parser.parse_args()
    if asked.device == "cpu":
        # Tiny work on a machine that has other work: threads would wait for each other.
        os.environ["OMP_NUM_THREADS"] = "1"
        # Read when Triton is imported: kernels are interpreted.
        os.environ["TRITON_INTERPRET"] = "1"
    # Not before: it reads the environment.
    import torch

    if asked.device == "cuda" and not torch.cuda.is_available():
        print("there is no CUDA device here: nothing was checked (--smoke runs the checks on the CPU)")
        return NO_CUDA
    known = checks()
    for name in asked.checks:
        if name not in {each.partition(".")[0] for each in known} | set(known):
            parser.error(f"checks must be out of {', '.join(known)}; got {name}")
    wanted = [name for name in known if not asked.checks or {name, name.partition(".")[0]} & set(asked.checks)]
    where = torch.cuda.get_device_name() if asked.device == "cuda" else f"CPU, {os.cpu_count()} cores"
    print(f"{where}; torch {torch.__version__}, Python {sys.version.split()[0]}", flush=True)
    device, results = torch.device(asked.device), dict[str, dict[str, Any]]()
    document = {"measured_on": where, "torch": torch.__version__, "checks": results}
    while wanted:
        name = wanted.pop(0)
        left = asked.seconds - (time.monotonic() - BEGAN)
        results[name] = _outcome(known[name], device, left)
        print(f"{name}: {_text(results[name])}", flush=True)
        if wanted and results[name]["outcome"] == "FAILED" and not _answers(device):
            print(f"{device} does not answer in this process any more: the rest in another", flush=True)
            results |= _elsewhere(wanted, device, left - results[name]["seconds"])
            wanted = []
        if asked.out is not None:
            asked.out.write_text(json.dumps(document, indent=1) + "\n")
    ended = [result["outcome"] for result in results.values()]
    print(", ".join(f"{ended.count(outcome)} {outcome}" for outcome in dict.fromkeys(ended)))
    return FAILED if "FAILED" in ended else NO_TIME if "no time left" in ended else 0


BEGAN = time.monotonic()


def _outcome(check: Check, device: Any, left: float) -> dict[str, Any]:
    if left <= 0:
        return {"outcome": "no time left", "seen": "", "seconds": 0.0}
    started = time.monotonic()
    try:
        with _interrupted_after(left):
            outcome, seen = "passed", check(device)
    except TimeIsUp:
        outcome, seen = "no time left", "it was under way"
    except SkipTest as error:
        outcome, seen = "not run", str(error)
    except AssertionError as error:
        outcome, seen = "FAILED", str(error) or traceback.format_exc()
    except Exception:
        outcome, seen = "FAILED", traceback.format_exc()
    return {"outcome": outcome, "seen": seen, "seconds": round(time.monotonic() - started, 1)}


def _answers(device: Any) -> bool:
    """Whether the device computes still: after an illegal access a process has lost its GPU for good."""
    import torch

    try:
        return torch.ones(1, device=device).item() == 1
    except Exception:
        return False


def _elsewhere(names: list[str], device: Any, left: float) -> dict[str, Any]:
    """Run these checks in a process of their own, which prints what it sees; returns the results by name."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "seen.json")
        limit = [] if left == float("inf") else ["--seconds", f"{left}"]
        command = [sys.executable, __file__, *names, "--device", device.type, "--out", str(out), *limit]
        subprocess.run(command, check=False)
        found = json.loads(out.read_text())["checks"] if out.exists() else {}
    died = {"outcome": "FAILED", "seen": "its process died", "seconds": 0.0}
    return {name: found.get(name, died) for name in names}


def _text(result: dict[str, Any]) -> str:
    seen = f": {result['seen']}" if result["seen"] else ""
    return f"{result['outcome']} ({result['seconds']} s){seen}".replace("\n", "\n    ")


def _raising(error: Exception) -> Check:
    def check(device: Any) -> str:
        if isinstance(error, ModuleNotFoundError) and not (ROOT / str(error.name).partition(".")[0]).exists():
            raise SkipTest(str(error)) from error
        raise error

    return check


@contextmanager
def _interrupted_after(seconds: float) -> Iterator[None]:
    """Raise TimeIsUp in this block when so many seconds are over."""

    def interrupt(number: int, frame: Any) -> None:
        raise TimeIsUp

    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0 if seconds == float("inf") else seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    sys.exit(main())
