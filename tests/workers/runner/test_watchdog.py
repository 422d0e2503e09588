"""A runner ends when nobody holds the other end of its standard input."""

import subprocess
import sys

from workers.runner.watchdog import ORPHANED

SCRIPT = """
import sys, time
from workers.runner.watchdog import start_watchdog
start_watchdog()
print("watching", flush=True)
while True:
    time.sleep(0.01)
"""


def test_end_of_standard_input_ends_the_process() -> None:
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"watching\n"
        process.stdin.write(b"still here\n")
        process.stdin.flush()
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(timeout=20) == ORPHANED
