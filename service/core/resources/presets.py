"""The paper's experiments and `quick` as jobs. A new one is an entry of `PRESETS`; see `docs/paper.md`."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from api_schemas.datasets import DatasetRole
from api_schemas.jobs import JobKind, JobRequest
from api_schemas.presets import JobBody, PaperMethod, PaperResult, Preset, PresetList
from method.architectures import fitting
from method.arms import TABLE_6 as TABLE_6_ARMS
from method.normalizations import AS_PUBLISHED
from method.precisions import PUBLISHED
from method.protocols import PAPER, PROTOCOLS, QUICK
from method.recipes import EPOCHS
from service.core.clients import Core
from service.core.foundation.errors import existing
from service.core.kinds.validation_errors import ValidationErrors
from service.core.lifecycle.paper import METHOD_TAG, RESULTS, TABLE_6

_JOB_REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)
_LABELER_EPOCHS = [10, 20, 30, 40, 50]

NEEDS_DISTILLATION = "paper-fig2"
"""Shows what no file holds: the FLOPs of the distillation."""


def _preset(
    name: str,
    title: str,
    params: dict[str, Any] | None = None,
    kind: JobKind = JobKind.LADD,
    paper: Sequence[PaperResult] = (),
) -> Preset:
    return Preset(name=name, title=title, kind=kind, params=params or {}, paper=list(paper))


PRESETS = {
    preset.name: preset
    for preset in [
        _preset(QUICK, f"No experiment of the paper: {PROTOCOLS[QUICK].title}", {"protocol": QUICK}),
        _preset("paper-table1", "Table 1: baseline and LADD over four architectures, without ViT"),
        _preset("paper-table2", "Table 2: baseline and LADD over five architectures", paper=RESULTS),
        _preset(
            "paper-table4",
            "Table 4: LADD's gain relative to the baseline; one row of it for each method and source set",
            paper=RESULTS,
        ),
        _preset(
            "paper-table6",
            "Table 6: full images and local views with hard, soft and both labels",
            {"evaluation": {"arms": list(TABLE_6_ARMS)}},
            paper=[TABLE_6],
        ),
        _preset(NEEDS_DISTILLATION, "Figure 2: accuracy against the FLOPs of distillation, labeler and labelling"),
        # "Same batch size and number of iterations": of the ways to train on the views, `pool` alone has that.
        _preset(
            "paper-fig3",
            "Figure 3: accuracy against deployment FLOPs at the same batch size and number of iterations",
            {"evaluation": {"overrides": {"views": "pool"}}},
        ),
        # Section 3.2: 50 epochs at a learning rate of 0.015, a checkpoint every ten.
        _preset(
            "paper-fig5",
            "Figure 5: accuracy by the epoch of the labeler",
            {
                "labeler": {"epochs": 50, "lr": 0.015, "checkpoint_epochs": _LABELER_EPOCHS},
                "epochs": _LABELER_EPOCHS,
            },
            JobKind.SWEEP,
        ),
    ]
}
_LEFT_OUT = {"paper-table1": ["ViT"]}
"""Of the five architectures, which depend on the resolution of the set."""

_WRITTEN_OUT = {"epochs": EPOCHS, "views": "full", "reduction": "sum", "precision": PUBLISHED}
"""Recipe `glad` and Eq. 5 of the paper's protocol, so that they can be seen and edited."""
_AS_PAPER = {"test_normalization": AS_PUBLISHED}
"""Of an evaluation by the paper's protocol: one labeler for all methods of a source set, and GLaD's test images."""


def presets() -> PresetList:
    """Return all presets."""
    return PresetList(items=list(PRESETS.values()))


def expand(
    core: Core, name: str, dataset: str, source_dataset: str | None = None, method: PaperMethod | None = None
) -> JobBody:
    """Return the job of a preset for a distilled set, with every default written out.

    `method` becomes the tag that lets the report show the paper's numbers. Raises ServiceError NOT_FOUND for another
    name, INVALID_REQUEST or DATASET_NOT_READY with reasons naming `query.<field>`.
    """
    preset = existing(PRESETS.get(name), "preset", name)
    errors = ValidationErrors(core.catalogue, at="query")
    distilled = errors.sure(errors.dataset("dataset", dataset, DatasetRole.DISTILLED))
    if name == NEEDS_DISTILLATION and distilled.metadata.distillation_flops is None:
        message = f"{dataset} was uploaded without distillation_flops, which only the maker of a set knows"
        errors.add("dataset", "distillation_flops_are_known", None, message)
    errors.raise_if_any()
    source = errors.sure(errors.source_of("source_dataset", source_dataset, [distilled]))
    protocol = preset.params.get("protocol", PAPER)
    channels, size, _ = distilled.measured.image_shape
    borne, _ = fitting(PROTOCOLS[protocol].architectures(size), size, channels)
    architectures = [each for each in borne if each not in _LEFT_OUT.get(name, [])]
    asked = preset.params.get("evaluation", {})
    overrides = (_WRITTEN_OUT if protocol == PAPER else {"precision": PUBLISHED}) | asked.get("overrides", {})
    request = _JOB_REQUEST.validate_python(
        {
            "kind": preset.kind,
            "params": {
                **preset.params,
                "dataset": distilled.id,
                "source_dataset": source.id,
                "evaluation": {
                    "architectures": architectures,
                    **(_AS_PAPER if protocol == PAPER else {}),
                    **asked,
                    "overrides": overrides,
                },
            },
            "tags": {"preset": name} | ({METHOD_TAG: method} if method else {}),
        }
    )
    return JobBody.model_validate(request.model_dump(mode="json", exclude_none=True, exclude={"validate_only"}))
