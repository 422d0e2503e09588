"""What a runner gives up before it reads a user's bytes leaves it the GPU."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import SkipTest

import torch

LIMITS = {
    "memory_bytes": 2 << 30,
    "file_bytes": 33 << 30,
    "cpu_seconds": 600,
    "open_files": 512,
    "network": False,
}
"""Those that a supervisor gives the runner of a small upload: `workers.supervisor.confinement`, which needs packages of
the service."""

CONFINED = """
import json, sys
from types import SimpleNamespace
from workers.runner.confinement import confine
confine(SimpleNamespace(**json.loads(sys.argv[1])))
import torch
images = torch.randn(4, 3, 32, 32, device=sys.argv[2], requires_grad=True)
torch.nn.functional.conv2d(images, torch.ones(8, 3, 3, 3, device=sys.argv[2])).square().mean().backward()
print(float(images.grad.abs().sum()))
"""


def check_confined_process(device: torch.device) -> str:
    """A process with the limits of one that reads uploads, and nothing else of a runner: forward and backward."""
    done = subprocess.run(
        [sys.executable, "-c", CONFINED, json.dumps(LIMITS), device.type], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0, done.stdout
    return _less_than_wanted(done.stderr)


def check_confined_runner(device: torch.device) -> str:
    """A runner's self-test, a training step and every reader, under the limits: it says that it is done."""
    if importlib.util.find_spec("pydantic") is None:
        raise SkipTest("a runner needs pydantic, which is not installed; confined_process has the rest of it")
    task = {"type": "self_test", "params": {}, "inputs": {}, "documents": {}, "device": device.type, "threads": 2}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "task.json").write_text(json.dumps(task | {"confinement": LIMITS}))
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "workers.runner", folder],
            env=os.environ | {"OMP_NUM_THREADS": "2"},
            # Open: its end would be that of the supervisor.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as runner:
            assert runner.stdout is not None
            assert runner.stderr is not None
            events, said = runner.stdout.read().splitlines(), runner.stderr.read()
    assert events, said
    assert json.loads(events[-1])["event"] == "done", f"{events[-1]}\n{said}"
    return _less_than_wanted(said)


def _less_than_wanted(said: str) -> str:
    told = [line for line in said.splitlines() if "less confined than wanted" in line]
    return "; ".join(told) or "without the network, privileges and core files"
