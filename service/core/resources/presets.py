"""Presets, for the routes: all of them, and one as the body of a job for a set."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter

from api_schemas.datasets import DatasetRole
from api_schemas.jobs import JobRequest
from api_schemas.presets import JobBody, PaperMethod, PresetList
from method.architectures import convnet_for, default_architectures, fitting
from method.arms import PLUS
from method.normalizations import AS_PUBLISHED
from method.precisions import PUBLISHED
from method.protocols import PAPER, PROTOCOLS
from method.recipes import RECIPES
from method.seed_rules import SEED_RULE
from service.core.clients import Core
from service.core.foundation.errors import existing
from service.core.kinds.validation_errors import ValidationErrors
from service.core.lifecycle.paper import METHOD_TAG
from service.core.lifecycle.presets import NEEDS_DISTILLATION, PRESET_TAG, PRESETS

_JOB_REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)

_NETWORKS: Mapping[str, Callable[[int], list[str]]] = {
    "paper-table1": lambda size: [name for name in default_architectures(size) if name != "ViT"],
    "paper-fig4": lambda size: [convnet_for(size)],
}
"""{preset: architectures for images of a size} where they are not the protocol's."""

_NAMED = {"precision": PUBLISHED, "seed_rule": SEED_RULE}
_WRITTEN_OUT = {"views": "full", "reduction": "sum", **_NAMED}
"""The recipe and Eq. 5 of the paper's protocol, so that they can be seen and edited."""
_AS_PAPER = {"test_normalization": AS_PUBLISHED}
"""Of an evaluation by the paper's protocol: one labeler for all methods of a source set, and GLaD's test images."""


def presets() -> PresetList:
    """Return all presets."""
    return PresetList(items=list(PRESETS.values()))


def expand(
    core: Core,
    name: str,
    dataset: str,
    source_dataset: str | None = None,
    method: PaperMethod | None = None,
    plus_dataset: str | None = None,
) -> JobBody:
    """Return the job of a preset for a distilled set, with every default written out.

    `method` becomes the tag that lets the report show the paper's numbers. `plus_dataset` has one image more of each
    class; without it the arm `baseline_plus` is left out. Raises ServiceError NOT_FOUND for another name,
    INVALID_REQUEST or DATASET_NOT_READY with reasons naming `query.<field>`.
    """
    preset = existing(PRESETS.get(name), "preset", name)
    errors = ValidationErrors(core.catalogue, at="query")
    distilled = errors.sure(errors.dataset("dataset", dataset, DatasetRole.DISTILLED))
    asked = dict(preset.params.get("evaluation", {}))
    if name == NEEDS_DISTILLATION and distilled.metadata.distillation_flops is None:
        message = f"{dataset} was uploaded without distillation_flops, which only the maker of a set knows"
        errors.add("dataset", "distillation_flops_are_known", None, message)
    if PLUS in asked.get("arms", []):
        without = [arm for arm in asked["arms"] if arm != PLUS]
        asked |= {"arms": without} if plus_dataset is None else {"plus_dataset": plus_dataset}
    elif plus_dataset is not None:
        errors.add("plus_dataset", "has_its_arm", plus_dataset, f"{name} has no arm {PLUS}, which plus_dataset is for")
    errors.raise_if_any()
    source = errors.sure(errors.source_of("source_dataset", source_dataset, [distilled]))
    protocol = preset.params.get("protocol", PAPER)
    channels, size, _ = distilled.measured.image_shape
    borne, _ = fitting(_NETWORKS.get(name, PROTOCOLS[protocol].architectures)(size), size, channels)
    written_out = {"epochs": RECIPES[asked.get("recipe", "glad")].epochs, **_WRITTEN_OUT}
    overrides = (written_out if protocol == PAPER else _NAMED) | asked.get("overrides", {})
    rule = _AS_PAPER if protocol == PAPER else {}
    request = _JOB_REQUEST.validate_python(
        {
            "kind": preset.kind,
            "params": {
                **preset.params,
                "dataset": distilled.id,
                "source_dataset": source.id,
                "evaluation": {"architectures": borne, **rule, **asked, "overrides": overrides},
            },
            "tags": {PRESET_TAG: name} | ({METHOD_TAG: method} if method else {}),
        }
    )
    # The rest of a request is its caller's.
    told = request.model_dump(mode="json", exclude_none=True, include={"kind", "params", "tags"})
    return JobBody.model_validate(told)
