"""The job of the kill tests."""

from dataclasses import dataclass
from typing import Any

from ladd_client.api import LaddClient

from api_schemas.jobs import EvaluateParams, EvaluateRequest, Job, JobKind

EPOCHS = 100

COSTS = ("seconds", "peak_bytes", "predicted_peak_bytes")


@dataclass(frozen=True)
class Evaluations:
    """Jobs of a short trial and a report, whose numbers are the same whenever they run."""

    client: LaddClient
    dataset: str

    def submit(self, epochs: int = EPOCHS) -> Job:
        overrides = {"epochs": epochs, "views": "sampled:1", "batch_size": 8, "lr": 0.01, "reduction": "mean"}
        params = EvaluateParams.model_validate(
            {
                "dataset": self.dataset,
                "arms": ["baseline"],
                "architectures": ["ConvNetD3"],
                "trials": 1,
                "recipe": "mtt",
                "overrides": overrides,
                "seed": 7,
                "reuse": "never",
            }
        )
        return self.client.submit(EvaluateRequest(kind=JobKind.EVALUATE, params=params))

    def numbers(self, job: Job) -> Any:
        """The results of an evaluation, without their cost."""
        report = self.client.report(job.id)
        assert report.evaluation is not None
        return without_costs(report.evaluation.model_dump(mode="json"))


def without_costs(document: Any) -> Any:
    if isinstance(document, list):
        return [without_costs(each) for each in document]
    if isinstance(document, dict):
        return {name: without_costs(value) for name, value in document.items() if name not in COSTS}
    return document
