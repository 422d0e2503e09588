"""The exit codes of the `ladd` command, and what they mean."""

from enum import IntEnum


class ExitCode(IntEnum):
    """A script may rely on these."""

    DONE = 0
    PROBLEM = 1
    USAGE = 2
    FAILED = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.PROBLEM: "the service, a file, a check of `ladd doctor` or you say no; the message says what to do",
    ExitCode.USAGE: "the command line is wrong",
    ExitCode.FAILED: "the job that was waited for failed, was canceled or expired, or the set was rejected",
    ExitCode.UNREACHABLE: "no answer from the service or its storage",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C); a job that was started goes on",
}
EPILOG = "Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items()) + "."
