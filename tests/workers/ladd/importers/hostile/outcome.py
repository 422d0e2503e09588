"""The outcome of one case: nothing to complain of, or what."""

import hashlib
import os
import traceback
from pathlib import Path

from api_schemas.problems import ErrorCode, TaskError
from api_schemas.runner import Confinement
from tests.workers.ladd.importers.hostile.case import Case
from tests.workers.ladd.importers.hostile.corpus import run
from workers.runner.failure import task_error


def complaints(case: Case, folder: Path, confinement: Confinement) -> list[str]:
    """Read a case, under limits taken on before, in an empty folder of its own; returns what went wrong."""
    uploads, out = folder / "uploads", folder / "out"
    uploads.mkdir()
    out.mkdir()
    case.make(uploads)
    before = _state(folder, out)
    try:
        run(case, sorted(uploads.iterdir()), out)
        found = [] if case.readable else ["it was read"]
    except Exception as error:
        found = _of_error(case, task_error(error, confinement))
        found += traceback.format_exception(error)[-6:] if found else []
    if _state(folder, out) != before:
        found.append("something outside the folder for results was written")
    return found


def _of_error(case: Case, error: TaskError) -> list[str]:
    if error.code is not ErrorCode.REJECTED_INPUT:
        return [f"it ended with {error.code}: {error.message}"]
    error.model_dump_json().encode()
    found = [
        f"the reason {reason} lacks a word"
        for reason in error.reasons
        if not all((reason.rule, reason.location, reason.message))
    ]
    found += [
        f"the reason of rule {reason.rule} is too long"
        for reason in error.reasons
        if len(reason.model_dump_json()) > 10_000
    ]
    rules = {reason.rule for reason in error.reasons}
    if case.rules and not rules & case.rules:
        found.append(f"refused by {', '.join(rules)} instead of {', '.join(case.rules)}: {error.message[:300]}")
    return found


def _state(folder: Path, out: Path) -> list[tuple[str, str]]:
    """Every file but those of `out`, and those of the working directory, by name and digest."""
    found = [(str(path), "") for path in Path.cwd().iterdir()]
    for root, _, names in os.walk(folder):
        if not Path(root).is_relative_to(out):
            found += [(f"{root}/{name}", _digest(Path(root, name))) for name in names]
    return sorted(found)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
