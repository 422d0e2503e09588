"""The Python of the docs is run as it stands, page by page, in a folder that has what the page takes for given."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ladd_client import LaddClient
from torch import nn

from api_schemas.datasets import DatasetRole
from method.normalizations import NORMALIZATIONS
from tests.docs.blocks import ROOT, blocks
from workers.ladd.archive.archive import read_archive, write_archive
from workers.ladd.importers import ImportOptions
from workers.ladd.importers.dataset import import_dataset
from workers.ladd.importers.labelers.exported_graph import read_graph
from workers.ladd.labeler.graph import GraphNetwork

pytestmark = pytest.mark.slow

ELSEWHERE = {
    "docs/client.md": "tests/client/test_client_page.py",
    "docs/other-tools.md": "tests/client/test_other_tools_page.py",
    "docs/webhooks.md": "tests/client/test_webhooks_page.py",
}
"""Pages that a test of their own runs, in its file."""
ALONE = {
    "README.md",
    "docs/how-to/own-architecture.md",
    "docs/how-to/own-data.md",
    "docs/how-to/own-labeler.md",
    "docs/storage.md",
    "docs/tutorial.md",
}
"""Pages whose results are looked at, below."""


def python_of(page: str) -> list[str]:
    return [block.text for block in blocks("python") if block.page == page]


def write_small_archive(encoding: str = "float32") -> None:
    """Write `archive.zip`: four images of 32 px and two classes, 25 views each."""
    dense = torch.rand(4, 25, 2, generator=torch.Generator().manual_seed(0)).softmax(2).numpy()
    [mean], [std] = NORMALIZATIONS["fashion_mnist"]
    manifest = {
        "views": {"n": 5, "ratio": 0.625},
        "classes": ["a", "b"],
        "normalization": {"name": "fashion_mnist", "mean": [mean], "std": [std], "applied": True},
    }
    images, labels = np.zeros((4, 1, 32, 32), np.float32), np.arange(4) % 2
    write_archive(Path("archive.zip"), images, labels, dense, dense[:, 0], manifest, encoding=encoding)


def network() -> dict[str, Any]:
    """A network to be exported, and images for it."""
    return {"torch": torch, "model": nn.Sequential(nn.Flatten(), nn.Linear(3, 2)), "images": torch.zeros(2, 3, 1, 1)}


GIVEN: dict[str, Callable[[], dict[str, Any]]] = {"docs/labelers.md": network}
"""The variables that a page takes for given."""


def run(page: str) -> dict[str, Any]:
    """Run all blocks of a page in turn; returns the variables."""
    names = GIVEN[page]() if page in GIVEN else {}
    for code in python_of(page):
        exec(compile(code, page, "exec"), names)
    return names


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with the examples in it."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


PAGES = sorted({block.page for block in blocks("python")} - ELSEWHERE.keys() - ALONE)
ASKING = [page for page in PAGES if any("ladd_client" in code for code in python_of(page))]


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ASKING])
def test_a_page(page: str) -> None:
    run(page)


@pytest.mark.parametrize("page", ASKING)
def test_a_page_that_asks_a_service(page: str, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADD_URL", server)
    for value in run(page).values():
        if isinstance(value, LaddClient):
            value.close()


@pytest.mark.parametrize(("page", "test"), ELSEWHERE.items())
def test_a_page_with_a_test_of_its_own_is_run_by_it(page: str, test: str) -> None:
    assert Path(page).name in (ROOT / test).read_text(encoding="utf-8")


def test_the_arrays_of_the_readme_are_the_archive() -> None:
    write_small_archive()
    names = run("README.md")
    assert {name: names["archive"][name].shape for name in ("images", "labels", "dense_labels")} == {
        "images": (4, 1, 32, 32),
        "labels": (4,),
        "dense_labels": (4, 25, 2),
    }


def test_what_is_decoded_are_the_labels() -> None:
    write_small_archive("uint8")
    names = run("docs/storage.md")
    np.testing.assert_array_equal(names["dense"], read_archive(Path("archive.zip")).dense_labels)


def test_the_tutorial_shows_what_its_archive_says(capsys: pytest.CaptureFixture[str]) -> None:
    write_small_archive()
    names = run("docs/tutorial.md")
    first, second, *readme = capsys.readouterr().out.splitlines()
    assert first == "(4, 1, 32, 32) (4, 25, 2) views of 20 px from [0, 3, 6, 9, 12]"
    assert second.endswith("of the views look to the labeler like the class of their image")
    assert names["seen"].shape == (4, 25)
    exec("\n".join(readme).replace("range(1000)", "range(1)"), {})


def test_own_arrays_are_sets(folder: Path) -> None:
    run("docs/how-to/own-data.md")
    for name, role, images in (("source", DatasetRole.SOURCE, 250), ("distilled", DatasetRole.DISTILLED, 20)):
        (folder / f"{name}-out").mkdir()
        options = ImportOptions(name=name, role=role, normalization="none" if role is DatasetRole.DISTILLED else "auto")
        stats = import_dataset([folder / f"{name}.npz"], options, folder / f"{name}-out", lambda done, total: None)
        assert (stats.num_images, stats.num_classes, stats.image_shape) == (images, 10, [3, 32, 32])


def test_an_own_network_is_a_labeler(folder: Path) -> None:
    model = run("docs/how-to/own-labeler.md")["model"]
    network = GraphNetwork(*read_graph(folder / "model.pt2", 1))
    images = torch.randn(3, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(network(images), model(images))


CHECK = """
import torch
from torch.utils.flop_counter import FlopCounterMode
from api_schemas.evaluation import EvaluationSpec
from method.architectures import ARCHITECTURES, forward_flops
from method.layers import Shape
from tests.extending.test_extending import accuracy
from workers.ladd.models import build_model

EvaluationSpec.model_validate({"architectures": ["MyStudent"]})
model = build_model("MyStudent", num_classes=10, channels=3, size=32, seed=0)
with FlopCounterMode(display=False) as counter:
    model(torch.zeros(1, 3, 32, 32))
shape = Shape(num_classes=10, channels=3, size=32)
assert forward_flops("MyStudent", shape) == counter.get_total_flops()
assert accuracy("MyStudent", "ladd", "mtt") == 100
"""


def test_an_own_network_is_an_architecture(folder: Path) -> None:
    """Installed as the page's `pyproject.toml` says, it is counted as torch counts it, trained and tested."""
    package = folder / "my_student"
    package.mkdir()
    for name, code in zip(("facts", "network"), python_of("docs/how-to/own-architecture.md"), strict=True):
        (package / f"{name}.py").write_text(code)
    [block] = [block for block in blocks("toml") if block.page == "docs/how-to/own-architecture.md"]
    project = tomllib.loads(block.text)["project"]
    [(group, points)] = project["entry-points"].items()
    metadata = folder / f"my_student-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    environment = {"PYTHONPATH": f"{folder}:{ROOT}:{ROOT / 'client'}", "PATH": "/usr/bin:/bin"}
    ran = subprocess.run([sys.executable, "-c", CHECK], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
