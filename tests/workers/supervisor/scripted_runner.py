"""A runner that does what a test wants: `python scripted_runner.py SCRIPT FOLDER`."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from workers.runner.watchdog import start_watchdog


def tell(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


def tell_progress(done: int) -> None:
    tell("progress", stage="ingest", done=done, total=100, unit="bytes", rate=None, eta_seconds=None)


def tell_failure(message: str) -> None:
    tell("failed", error={"code": "internal", "origin": "internal", "message": message, "reasons": []})


def pass_self_test(folder: Path) -> None:
    assert json.loads((folder / "task.json").read_text())["type"] == "self_test"
    tell("done", files=[], result={})


def fail_self_test(folder: Path) -> None:
    tell_failure("1 + 1 is 3 here")


def die_in_self_test(folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGILL)


def crash(folder: Path) -> None:
    for number in range(100):
        print(f"line {number} of standard error", file=sys.stderr)
    sys.exit(3)


def die(folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crash_on_bytes(folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def take_too_long(folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGPROF)


def refuse(folder: Path) -> None:
    tell("failed", error={"code": "rejected_input", "origin": "input", "message": "nine labels", "reasons": []})


def hand_in_the_upload(folder: Path) -> None:
    """End with what was uploaded as the result, and two files."""
    for name in ("images.npy", "labels.npy"):
        (folder / "outputs" / name).write_text(name)
    tell(
        "done", files=["images.npy", "labels.npy"], result=json.loads((folder / "inputs/uploads/file_000").read_text())
    )


def say_nothing(folder: Path) -> None:
    """End well, but without a result."""


def talk_garbage(folder: Path) -> None:
    sys.stdout.buffer.write(b"not json\n\xff\xfe\n{}\n" + b'{"event": "done"}\n' + b"x" * 100_000 + b"\n")
    tell_failure("after the garbage")


def show_environment(folder: Path) -> None:
    tell_failure(json.dumps(dict(os.environ)))


def show_folder(folder: Path) -> None:
    task = json.loads((folder / "task.json").read_text())
    contents = {path: (folder / path).read_text() for files in task["inputs"].values() for path in files.values()}
    tell_failure(json.dumps({"task": task, "contents": contents, "cwd": os.getcwd()}))


def keep_checkpoint(folder: Path) -> None:
    """Keep a file, put a newer one in its place, and fall over; the next attempt shows what it finds."""
    state = folder / "checkpoint" / "state.txt"
    if state.exists():
        tell_failure(state.read_text())
        return
    state.write_text("epoch 7")
    tell("checkpoint", files=["state.txt"])
    sys.exit(1)


def hand_over_a_link(folder: Path) -> None:
    (folder / "outputs" / "images.npy").symlink_to("/etc/hostname")
    tell("done", files=["images.npy"], result={})


def reach_outside(folder: Path) -> None:
    tell("done", files=["../task.json"], result={})


def report_progress(folder: Path) -> None:
    for done in range(101):
        tell_progress(done)
    tell("log", level="warning", message="a word to the reader")
    tell_failure("on purpose")


def stay(folder: Path) -> None:
    """Run until stopped."""
    tell_progress(1)
    while True:
        time.sleep(0.01)


def stay_deaf(folder: Path) -> None:
    """Run until killed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stay(folder)


def save_when_asked(folder: Path) -> None:
    """Run until asked to hand over, and save before ending; the next attempt shows what it finds."""
    state = folder / "checkpoint" / "state.txt"
    if state.exists():
        tell_failure(state.read_text())
        return
    asked: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, frame: asked.append(number))
    tell_progress(1)
    while not asked:
        time.sleep(0.01)
    state.write_text("saved on being asked")
    tell("checkpoint", files=["state.txt"])


def stand_still(folder: Path) -> None:
    """Tell the same progress for ever."""
    while True:
        tell_progress(1)
        time.sleep(0.1)


def crawl(folder: Path) -> None:
    """Get on by a little, for longer than a test lets it stand still."""
    for done in range(12):
        tell_progress(done)
        time.sleep(0.25)
    tell_failure("the end")


def stay_watching(folder: Path) -> None:
    """Run until the supervisor is gone."""
    start_watchdog()
    (folder / "pid").write_text(str(os.getpid()))
    stay(folder)


def go_on(folder: Path) -> None:
    """Do one task after the other, each of which tells who has done it and where."""
    while True:
        print("a word of", folder.name, file=sys.stderr)
        tell("done", files=[], result={"process": os.getpid(), "folder": str(folder)})
        tell("ready")
        folder = Path(sys.stdin.readline().removesuffix("\n"))


def go_on_and_die(folder: Path) -> None:
    """Die in the second task."""
    tell("done", files=[], result={"process": os.getpid(), "folder": str(folder)})
    tell("ready")
    second = Path(sys.stdin.readline().removesuffix("\n"))
    print("last words in", second.name, file=sys.stderr)
    sys.exit(3)


def hang_after_one(folder: Path) -> None:
    """Neither end nor be ready for another task."""
    tell("done", files=[], result={"process": os.getpid(), "folder": str(folder)})
    time.sleep(1000)


def end_after_one(folder: Path) -> None:
    """End where another task would have been possible."""
    tell("done", files=[], result={"process": os.getpid(), "folder": str(folder)})


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
