"""A job's notebook is one by the schema of notebooks, and its cells run on a real archive and every figure's data."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from ladd_client.notebook import notebook

from api_schemas.evaluation import Figure, Report
from tests.client.test_archive import write
from tests.client.test_exports import JOB, SET, report_of, row
from tests.workers.ladd.figures.test_figures import (
    EXAMPLE,
    LABELER,
    PIXELS,
    POINTS,
    ROWS,
    SPENT,
    SUMMARY,
    compared,
    found,
)
from tests.workers.ladd.figures.test_figures import row as drawn_row
from workers.ladd.figures import FIGURES


@pytest.fixture(scope="module")
def report() -> Report:
    """With every figure that there is."""
    everything = found(
        [*ROWS, drawn_row("ladd", "VGG11", 50.0, ci95=None)],
        SUMMARY,
        [compared("ViT", 5.0), compared("VGG11", 0.0), compared(None, 1.0)],
        points=POINTS,
        labelers=[LABELER],
        example=EXAMPLE,
        preparations=SPENT,
        test_images=PIXELS,
    )
    figures = [
        Figure(
            name=name, title=kind.title, png="/", sha256="0" * 64, data=json.loads(json.dumps(kind.collect(everything)))
        )
        for name, kind in FIGURES.items()
    ]
    return report_of([row("ladd", [[1.0]])]).model_copy(update={"figures": figures})


def run(written: dict[str, Any]) -> dict[str, Any]:
    """Run the code of a notebook, cell by cell; returns its variables."""
    names: dict[str, Any] = {}
    for cell in written["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    return names


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the cells of a notebook that is run in a folder show: the axes of each figure."""
    figures: list[Any] = []

    def show() -> None:
        figures.append(plt.gcf().axes)
        plt.gcf().canvas.draw()
        plt.close("all")

    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "show", show)
    monkeypatch.chdir(tmp_path)
    return figures


@pytest.mark.slow
@pytest.mark.parametrize("images", ["pixels", "floats"])
def test_its_cells_show_the_archive_and_draw_every_figure(
    report: Report, images: str, shown: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path(f"{SET}.zip"), images, "uint8")
    Path(f"{JOB}.report.json").write_text(report.model_dump_json())
    written = notebook(report, SET)
    nbformat.validate(written)
    names = run(written)
    told = capsys.readouterr().out
    assert "note: made by hand" in told
    assert "ConvNetD3     60.50 ± 0.50 %, 1 trials" in told
    assert names["archive"].dense_labels.shape == (4, 4, 5)
    # Images and their views, then one figure for each of the report's.
    assert [len(axes) for axes in shown[:2]] == [4, 4]
    assert len(shown) == 2 + len(FIGURES)
    titles = ["".join(cell["source"]) for cell in written["cells"] if cell["cell_type"] == "markdown"]
    assert [title for title in titles if title.startswith("## ")][1:] == [
        f"## {kind.title}\n" for kind in FIGURES.values()
    ]
    views = [axes.images[0].get_array().shape[:2] for axes in shown[1]]
    assert views == [(4, 4)] * 4
    labels = [axes.get_title() for axes in shown[1]]
    assert labels == [f"{'abcde'[int(row.argmax())]} {row.max():.0%}" for row in names["archive"].dense_labels[0]]
    accuracy = shown[2][0]
    assert [text.get_text() for text in accuracy.get_xticklabels()] == ["ViT", "VGG11"]
    assert {text.get_text() for text in accuracy.get_legend().get_texts()} == {"baseline", "ladd"}
    bars = [bar.get_width() for bar in shown[4][0].patches]
    assert bars == [each[arm] for arm in ("baseline", "ladd") for each in names["figures"]["per_class"]["rows"]]


def test_a_job_without_archive_and_figures_has_neither(report: Report, shown: list[Any]) -> None:
    bare = report.model_copy(update={"figures": [], "evaluation": None})
    Path(f"{JOB}.report.json").write_text(bare.model_dump_json())
    written = notebook(bare, None)
    nbformat.validate(written)
    names = run(written)
    assert shown == []
    assert "pixels" not in names


def test_a_users_names_are_no_formulas(report: Report, shown: list[Any]) -> None:
    data = {"dataset": SET, "classes": 1, "rows": [{"label": 0, "name": "$\\frac$", "baseline": 1.0, "ladd": 2.0}]}
    [figure] = [figure for figure in report.figures if figure.name == "per_class"]
    named = report.model_copy(update={"figures": [figure.model_copy(update={"data": data})]})
    Path(f"{JOB}.report.json").write_text(named.model_dump_json())
    run(notebook(named, None))
    assert len(shown) == 1


def test_the_command_names_the_set_that_the_job_made(
    ladd: Callable[..., Any], worker: Any, server: str, shown: list[Any], tmp_path: Path
) -> None:
    job = worker.start_ladd()
    worker.run_ladd(job)
    assert ladd("notebook", job.id, "report.ipynb").stdout == "report.ipynb\n"
    written = json.loads(Path("report.ipynb").read_text(encoding="utf-8"))
    result = json.loads(ladd("show", job.id).stdout)["result"]
    assert f"JOB, DATASET = '{job.id}', '{result['dataset']}'\n" in [
        "".join(cell["source"]) for cell in written["cells"]
    ]
    # The first run fetches both, of which the archive is one that nobody computed.
    with pytest.raises(Exception, match="no archive of the LADD service"):
        run(written)
    assert Path(f"{job.id}.report.json").exists()
    assert np.fromfile(f"{result['dataset']}.zip", dtype=np.uint8).size == 3 << 20
