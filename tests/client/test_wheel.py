"""`ladd-client` by itself: its wheel works beside what it depends on, where the service is not installed."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STRANGERS = ("service", "workers", "stack", "torch", "numpy", "celery", "redis", "boto3", "fastapi")

# Neither the environment, nor the folder it is started in, nor the venv's own list of paths (-S) adds a path, so that
# the repository is out of sight; of the venv only the other packages are there.
START = """
import json, sys
target, packages, *arguments = sys.argv[1:]
sys.path += [target, packages]
"""
USE = """
from ladd_client import AsyncLaddClient, LaddClient
with LaddClient(arguments[0]) as client:
    jobs = len(list(client.jobs()))
    status = client.readiness().status
import ladd_client, importlib.metadata
print(json.dumps({
    "file": ladd_client.__file__, "version": importlib.metadata.version("ladd-client"), "jobs": jobs,
    "status": status, "strangers": [name for name in STRANGERS if name in sys.modules],
}))
"""
COMMAND = """
sys.argv = ["ladd", *arguments]
from ladd_client.cli import main
main()
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel is installed in."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, ROOT / "client"], check=True)
    [wheel] = folder.glob("*.whl")
    target = folder / "target"
    subprocess.run([*pip, "install", "--no-deps", "--no-compile", "--target", target, wheel], check=True)
    return target


def alone(installed: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    start = [sys.executable, "-I", "-S", "-c", START + script, str(installed), sysconfig.get_path("purelib")]
    environment = os.environ | {"COLUMNS": "200"}
    return subprocess.run([*start, *arguments], capture_output=True, text=True, env=environment, cwd="/", timeout=60)


@pytest.mark.slow
def test_it_speaks_to_a_service_without_being_one(installed: Path, server: str) -> None:
    used = alone(installed, USE.replace("STRANGERS", repr(STRANGERS)), server)
    assert used.returncode == 0, used.stderr
    found = json.loads(used.stdout)
    assert Path(found.pop("file")).is_relative_to(installed)
    assert found == {"version": "0.1.0", "jobs": 0, "status": "ok", "strangers": []}


@pytest.mark.slow
def test_its_command_runs(installed: Path, server: str) -> None:
    told = alone(installed, COMMAND, "--help")
    assert (told.returncode, "Exit codes:" in told.stdout) == (0, True), told.stderr
    listed = alone(installed, COMMAND, "--url", server, "jobs", "--json")
    assert (listed.returncode, listed.stdout) == (0, ""), listed.stderr
    # Where nothing of the service can be imported, that is not for want of trying.
    assert alone(installed, "import service").returncode == 1
    assert (installed / "bin" / "ladd").exists()


@pytest.mark.slow
def test_it_is_typed(installed: Path) -> None:
    assert {path.parent.name for path in installed.glob("*/py.typed")} >= {"ladd_client", "api_schemas", "method"}
