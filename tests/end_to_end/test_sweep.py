"""A sweep over the labeler's checkpoints and view grids, from the request to the figure."""

import httpx
import pytest
from ladd_client.api import LaddClient

from api_schemas.datasets import Dataset
from api_schemas.evaluation import EvaluationSpec
from api_schemas.jobs import JobKind, JobState, SweepParams, SweepRequest
from api_schemas.labelers import LabelerRecipe
from api_schemas.recipes import RecipeOverrides
from stack.running import Stack


def test_a_sweep_evaluates_its_points(stack_up: Stack, client: LaddClient, distilled: Dataset) -> None:
    evaluation = EvaluationSpec(
        architectures=["ConvNetD3"],
        trials=1,
        overrides=RecipeOverrides(epochs=2, views="sampled:1", batch_size=50, reduction="mean"),
        curve_epochs=[1],
    )
    labeler = LabelerRecipe(epochs=2, batch_size=64, seed=21)
    params = SweepParams(dataset=distilled.id, labeler=labeler, n=[2], epochs=[1, 2], evaluation=evaluation)
    job = client.wait(client.submit(SweepRequest(kind=JobKind.SWEEP, params=params)).id)
    assert job.state is JobState.SUCCEEDED, job.error
    report = client.report(job.id)
    assert [(point.n, point.epoch) for point in report.points] == [(2, 1), (2, 2)]
    assert report.points[0].labeler_val_accuracy != report.points[1].labeler_val_accuracy
    assert report.evaluation is not None
    made = [point.dataset for point in report.points]
    assert [(row.dataset, row.arm, row.epochs, row.in_summary) for row in report.evaluation.rows] == [
        (dataset, arm, epochs, epochs == 2)
        for epochs in (2, 1)
        for dataset, arm in ((distilled.id, "baseline"), (made[0], "ladd"), (made[1], "ladd"))
    ]
    figures = {figure.name: figure.data for figure in report.figures}
    assert figures["sweep"]["varied"] == ["epoch"]
    assert {(point["arm"], point["epochs"]) for point in figures["deployment_cost"]["points"]} == {
        (arm, epochs) for arm in ("baseline", "ladd") for epochs in (1, 2)
    }
    answers = figures["example_answers"]
    assert (answers["label"], answers["epochs"], answers["names"][0]) == (0, [1, 2], report.inputs[0].class_names[0])
    for probabilities in answers["probabilities"]:
        assert sum(probabilities) == pytest.approx(1, abs=1e-3)
    for point in report.points:
        assert client.dataset(point.dataset).links.archive is not None
        answer = httpx.get(f"{stack_up.url}/v1/datasets/{point.dataset}/dense_labels.png", follow_redirects=True)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    pictures = f"{stack_up.url}/v1/datasets/{made[0]}/dense_labels.png"
    last, beyond = (httpx.get(pictures, params={"index": index}) for index in (99, 100))
    assert (last.status_code, beyond.status_code) == (200, 422)
    assert last.content != httpx.get(pictures).content
    assert [(reason["location"], reason["rule"]) for reason in beyond.json()["reasons"]] == [
        ("query.index", "index_within_set")
    ]
