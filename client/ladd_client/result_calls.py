"""What clients ask of sets and results that are there: corrections, comparisons, pins."""

from collections.abc import Mapping, Sequence
from typing import Any

from api_schemas.comparison import JobComparison
from api_schemas.datasets import DatasetChanges
from ladd_client.handles import Dataset, Job, Labeler
from ladd_client.job_calls import JobCalls

KEPT: dict[str, tuple[str, type[Dataset] | type[Labeler] | type[Job]]] = {
    "ds": ("datasets", Dataset),
    "lb": ("labelers", Labeler),
    "job": ("jobs", Job),
}
"""{beginning of an id: where such things lie, and what they are}."""


class ResultCalls(JobCalls):
    """A part of `LaddClient`."""

    def change_dataset(
        self, dataset_id: str, changes: DatasetChanges | Mapping[str, Any], if_match: str | None = None
    ) -> Dataset:
        """Correct a set: `name` and `tags` in place, `class_names`, `normalization`, `source_dataset` as a new version.

        The answer is the set, or the version, whose `previous` is the set. `if_match`: the `ETag` that it must have.
        """
        body = DatasetChanges.model_validate(changes).model_dump(mode="json", exclude_unset=True)
        headers = {} if if_match is None else {"If-Match": if_match}
        url = f"/v1/datasets/{dataset_id}"
        return self._parsed(
            Dataset, self._transport.request("PATCH", url, repeatable=False, json=body, headers=headers)
        )

    def compare(self, jobs: Sequence[str]) -> JobComparison:
        """The evaluations of jobs side by side, and how each differs from the first; the first time a job computes it.

        Raises `JobError` where that does not succeed.
        """
        answer = self._transport.request("GET", "/v1/compare", repeatable=True, params={"job": list(jobs)})
        if answer.status_code == 202:
            self.wait(self._parsed(Job, answer))
            answer = self._transport.request("GET", "/v1/compare", repeatable=True, params={"job": list(jobs)})
        return self._parsed(JobComparison, answer)

    def pin(self, identifier: str, keep: bool = True) -> Dataset | Labeler | Job:
        """Keep a set, labeler or job however old it is, or with `keep=False` let retention remove it again."""
        folder, model = KEPT[identifier.partition("_")[0]]
        url = f"/v1/{folder}/{identifier}/pin"
        return self._parsed(model, self._transport.request("POST" if keep else "DELETE", url, repeatable=True))
