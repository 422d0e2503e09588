"""`/v1/presets`: the paper's experiments, each as the body of a job."""

from typing import Annotated

from fastapi import APIRouter, Query

from api_schemas.base import DatasetId
from api_schemas.presets import JobBody, PaperMethod, PresetList
from api_schemas.problems import ErrorCode
from service.core.resources import presets
from service.http.dependencies import CoreDep
from service.http.problems import responses

router = APIRouter(prefix="/v1/presets", tags=["presets"])


@router.get("")
def list_presets() -> PresetList:
    """List the paper's experiments, and what the paper reports of them."""
    return presets.presets()


@router.get("/{name}", responses=responses(ErrorCode.NOT_FOUND, ErrorCode.INVALID_REQUEST, ErrorCode.DATASET_NOT_READY))
def get_preset(
    name: str,
    core: CoreDep,
    dataset: Annotated[DatasetId, Query(description="The distilled set.")],
    source_dataset: Annotated[DatasetId | None, Query(description="Default: the one named at upload.")] = None,
    method: Annotated[
        PaperMethod | None,
        Query(description="What distilled the set; the tag `paper`, by which a report shows the paper's numbers."),
    ] = None,
    plus_dataset: Annotated[
        DatasetId | None,
        Query(description="A set with one image more of each class; without it the arm `baseline_plus` is left out."),
    ] = None,
) -> JobBody:
    """Write out an experiment for a distilled set: a body for `POST /v1/jobs` that may be edited first."""
    return presets.expand(core, name, dataset, source_dataset, method, plus_dataset)
