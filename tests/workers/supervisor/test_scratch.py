"""An attempt's folder is fresh, and gone afterwards, whatever happened."""

import subprocess
import sys
from pathlib import Path

import pytest

from workers.supervisor.scratch import attempt_folder, remove_abandoned

KILLED = """
import os, signal, sys
from pathlib import Path
from workers.supervisor.scratch import attempt_folder
with attempt_folder(Path(sys.argv[1]), "job_a", "ingest", 1) as folder:
    (folder / "inputs").mkdir()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_folder_is_removed_with_empty_parents(tmp_path: Path) -> None:
    with attempt_folder(tmp_path, "job_a", "evaluate:ladd:ViT", 2) as folder:
        (folder / "outputs").mkdir()
        (folder / "outputs" / "row.json").write_text("{}")
    assert list(tmp_path.iterdir()) == []


def test_folder_is_removed_after_an_error_and_leaves_its_neighbours(tmp_path: Path) -> None:
    with attempt_folder(tmp_path, "job_a", "report", 1) as neighbour:
        with pytest.raises(ZeroDivisionError), attempt_folder(tmp_path, "job_a", "ingest", 1) as folder:
            raise ZeroDivisionError
        assert not folder.parent.exists()
        assert neighbour.is_dir()


def test_what_a_killed_worker_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    left = tmp_path / "job_a" / "ingest" / "1"
    assert (left / "inputs").is_dir()
    with attempt_folder(tmp_path, "job_b", "ingest", 1) as in_use:
        remove_abandoned(tmp_path)
        assert not left.exists()
        assert in_use.is_dir()
