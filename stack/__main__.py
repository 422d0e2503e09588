"""`python -m stack up|down|status|env`: Redis, S3, worker and API on this machine."""

import argparse
import shlex
import sys
from pathlib import Path

from stack.running import DEFAULT_DIRECTORY, AlreadyRunningError, down, running_url, settings, states, up

NOT_RUNNING = 3
"""Exit status of `status` when the stack is down, as init scripts have it."""


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m stack", description="The LADD service on this machine.")
    parser.add_argument("command", choices=["up", "down", "status", "env"])
    parser.add_argument("--dir", type=Path, default=DEFAULT_DIRECTORY, help="data, logs and state (default: .stack)")
    arguments = parser.parse_args()
    return {"up": _up, "down": _down, "status": _status, "env": _env}[arguments.command](arguments.dir)


def _up(directory: Path) -> int:
    try:
        url = up(directory).url
        print(f"The LADD service is at {url}")
    except AlreadyRunningError as running:
        url = running.url
        print(f"The LADD service is {running}")
    except (RuntimeError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    # For a shell: the ladd command, the Python client and the README's calls read it.
    print(f"export LADD_URL={url}")
    return 0


def _down(directory: Path) -> int:
    print("The LADD service is stopped." if down(directory) else "The LADD service was not running.")
    return 0


def _status(directory: Path) -> int:
    for name, state in states(directory).items():
        print(f"{name:<8} {state}")
    url = running_url(directory)
    print(f"The LADD service is at {url}\nexport LADD_URL={url}" if url else "The LADD service is not running.")
    return 0 if url else NOT_RUNNING


def _env(directory: Path) -> int:
    """Print the settings of the stack, secrets included, for a shell to `eval` that runs an operator's command."""
    found = settings(directory)
    for name, value in found.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0 if found else NOT_RUNNING


if __name__ == "__main__":
    sys.exit(main())
