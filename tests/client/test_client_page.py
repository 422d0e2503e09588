"""The examples of `docs/client.md` are run as they stand, by a worker whose results nobody computed."""

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from ladd_client.api import LaddClient

from api_schemas.datasets import DatasetRole, DatasetState
from api_schemas.jobs import JobState

ROOT = Path(__file__).parents[2]


def work(client: LaddClient, worker: Any) -> None:
    """Read what is uploaded, and do the first `ladd` job."""
    read: set[str] = set()
    while len(read) < 3:
        for dataset in client.datasets(state=DatasetState.VALIDATING):
            worker.ingest(dataset)
            read.add(dataset.id)
        for job in client.jobs(kind="ladd", state=JobState.QUEUED):  # type: ignore[arg-type]
            worker.run_ladd(job)


def test_the_page(
    server: str,
    client: LaddClient,
    worker: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LADD_URL", server)
    page = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
    first, second, listing, on_a_loop = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    working = threading.Thread(target=work, args=(client, worker), daemon=True)
    working.start()
    names: dict[str, Any] = {}
    exec(first, names)
    job = names["job"]
    assert job.params["protocol"] == "quick"
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        f"id='{job.id}' kind='ladd' state='succeeded' error=None",
        "baseline: 61.50 ± 0.00 %",
        "ladd: 61.50 ± 0.00 %",
    ]
    assert "dense labels" in told.err
    assert (tmp_path / "archive.zip").stat().st_size == 3 << 20
    exec(second, names)
    working.join(30)
    assert capsys.readouterr().out.endswith("\ncanceled\n")
    exec(listing, names)
    assert capsys.readouterr().out == "1 and no more: canceled\n"
    exec(on_a_loop, names)
    assert capsys.readouterr().out == "['canceled', 'canceled']\n"
    names["client"].close()
    assert [dataset.name for dataset in client.datasets(role=DatasetRole.SOURCE)] == ["source"]
