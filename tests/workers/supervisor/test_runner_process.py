"""A runner does not outlive the process that started it."""

import os
import subprocess
import sys
import time
from pathlib import Path

from workers.supervisor.runner_process import RunnerProcess

SCRIPTED = str(Path(__file__).with_name("scripted_runner.py"))

SUPERVISOR = """
import os, sys
from pathlib import Path
from workers.supervisor.runner_process import RunnerProcess
command, folder = (sys.executable, sys.argv[1], "stay_watching"), Path(sys.argv[2])
with RunnerProcess(command, folder, dict(os.environ)) as runner:
    for event in runner.events():
        print(event.event, flush=True)
"""


def test_a_killed_supervisor_takes_its_runner_along(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, SCRIPTED, str(tmp_path)], stdout=subprocess.PIPE
    ) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"progress\n"
        runner = int((tmp_path / "pid").read_text())
        assert is_running(runner)
        supervisor.kill()
    wait_until_gone(runner)


def test_what_a_runner_started_goes_with_it(tmp_path: Path) -> None:
    script = "import subprocess, sys; print(subprocess.Popen(['sleep', '1000'], stdout=2).pid, file=sys.stderr)"
    with RunnerProcess((sys.executable, "-c", script), tmp_path, dict(os.environ)) as runner:
        assert list(runner.events()) == []
        child = int(runner.failure_summary().splitlines()[-1])
    wait_until_gone(child)


def test_what_a_runner_started_goes_with_it_though_it_ended_before_it_was_asked_to(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, subprocess; child = subprocess.Popen(['sleep', '1000'], stdout=2).pid; "
        "pathlib.Path('pids').write_text(f'{os.getpid()} {child}')"
    )
    with RunnerProcess((sys.executable, "-c", script), tmp_path, dict(os.environ)) as runner:
        assert list(runner.events()) == []
        process, child = map(int, (tmp_path / "pids").read_text().split())
        wait_until_gone(process)
        runner.preempt()
    wait_until_gone(child)


def wait_until_gone(process: int) -> None:
    deadline = time.monotonic() + 60
    while is_running(process):
        assert time.monotonic() < deadline, "the process is still there"
        time.sleep(0.02)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # A dead process that nobody has waited for yet still has its number.
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
