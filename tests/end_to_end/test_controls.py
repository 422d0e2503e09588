"""Control arms through the stack: real images are picked, labelled, trained on and scored."""

from ladd_client.api import LaddClient

from api_schemas.datasets import Dataset
from api_schemas.jobs import JobKind, LaddParams, LaddRequest
from tests.end_to_end.finished import Finished

ARMS = ["baseline", "random", "random_ladd", "ladd", "baseline_matched", "baseline_noaug", "random_noaug", "real"]


def test_real_images_are_labelled_trained_on_and_scored(client: LaddClient, distilled: Dataset) -> None:
    overrides = {"epochs": 1, "views": "sampled:1", "batch_size": 50, "lr": 0.01, "view_weight": 2, "real_epochs": 1}
    evaluation = {"arms": ARMS, "architectures": ["ConvNetD3"], "trials": 1, "recipe": "mtt", "overrides": overrides}
    params = LaddParams.model_validate(
        {
            "dataset": distilled.id,
            "labeler": {"epochs": 1, "batch_size": 64},
            "views": {"n": 2, "ratio": 0.7},
            "evaluation": evaluation,
        }
    )
    made = Finished(client, LaddRequest(kind=JobKind.LADD, params=params))
    assert made.result.evaluation is not None
    rows = {row.arm: row for row in made.result.evaluation.rows}
    source = client.dataset(made.result.evaluation.source_dataset)
    assert source.stats is not None
    real = 2 * source.stats.splits["train"]
    # Two passes over 100 images, with a view each under ladd.
    assert [rows[arm].forwards for arm in ARMS] == [200, 200, 400, 400, 400, 200, 200, real]
    assert (rows["real"].dataset, rows["real"].epochs, rows["baseline_matched"].epochs) == (source.id, 2, 4)
    assert {arm for arm in ARMS if rows[arm].recipe["augmentation"] == "none"} == {"baseline_noaug", "random_noaug"}
    assert rows["ladd"].recipe["view_weight"] == 2
    assert made.job.cost is not None
    assert made.job.cost.counted.deployment is not None
    assert made.job.cost.predicted.deployment is not None
    assert made.job.cost.counted.deployment.flops == made.job.cost.predicted.deployment.flops

    scores = {(each.name, each.arm): each for each in client.report(made.job.id).scores if each.architecture}
    assert set(scores) == {("LRS", "ladd"), ("LRS", "baseline"), ("ARS", "baseline")}
    for score in scores.values():
        assert score.accuracies == {arm: rows[arm].mean for arm in score.accuracies}

    random, labelled = (client.dataset(rows[arm].dataset) for arm in ("random", "random_ladd"))
    assert random.stats is not None
    assert [count.images for count in random.stats.class_counts] == [{"all": 10}] * 10
    assert labelled.augmentation is not None
    assert labelled.augmentation.parent == random.id
    assert made.result.dataset == rows["baseline"].dataset
