"""The paper's experiments and `quick` as jobs. A new one is an entry of `PRESETS`; see `docs/paper.md`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from api_schemas.datasets import DatasetRole
from api_schemas.jobs import JobKind, JobRequest
from api_schemas.presets import JobBody, PaperMethod, PaperSets, Preset, PresetList
from method import paper
from method.architectures import convnet_for, default_architectures, fitting
from method.arms import BASELINE, LADD, PLUS, RANDOM, RANDOM_LADD
from method.arms import TABLE_6 as TABLE_6_ARMS
from method.normalizations import AS_PUBLISHED
from method.precisions import PUBLISHED
from method.protocols import PAPER, PROTOCOLS, QUICK
from method.recipes import RECIPES
from method.seed_rules import SEED_RULE
from service.core.clients import Core
from service.core.foundation.errors import existing
from service.core.kinds.validation_errors import ValidationErrors
from service.core.lifecycle.paper import METHOD_TAG, has_the_classes
from service.core.resources.paper_results import claims_about, results_of

_JOB_REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)
_LABELER_EPOCHS = [10, 20, 30, 40, 50]

PRESET_TAG = "preset"
"""The tag of a job that says which preset it was made from."""
NEEDS_DISTILLATION = "paper-fig2"
"""Shows what no file holds: the FLOPs of the distillation."""

CONTROLS = [RANDOM, RANDOM_LADD]
"""Not in the paper: real images picked at random, with hard and with dense labels. With them a table tells how much of
LADD's gain is due to the labels, whatever the images."""
_COMPARED = [BASELINE, LADD]
_WITH_PLUS = [BASELINE, PLUS, LADD]
_IMAGENETTE = ["imagenette"]


def _quick() -> Preset:
    title = f"No experiment of the paper: {PROTOCOLS[QUICK].title}"
    return Preset(
        name=QUICK, title=title, kind=JobKind.LADD, params={"protocol": QUICK}, paper=[], claims=[], sets=None
    )


def _table(number: int, title: str, arms: Sequence[str], **evaluation: Any) -> Preset:
    """Return the preset of a table: its sets are those that the table has cells of."""
    table = f"Table {number}"
    cells = [cell for cell in paper.CELLS if cell.table == table]
    return Preset(
        name=f"paper-table{number}",
        title=f"{table}: {title}",
        kind=JobKind.LADD,
        params={"evaluation": {"arms": [*arms, *CONTROLS], **evaluation}},
        paper=results_of(cells),
        claims=claims_about(table),
        sets=PaperSets(
            class_maps=list(dict.fromkeys(cell.class_map for cell in cells)),
            resolution=cells[0].resolution,
            ipc=sorted({cell.ipc for cell in cells}),
        ),
    )


def _figure(
    number: int,
    title: str,
    evaluation: Mapping[str, Any],
    ipc: Sequence[int],
    kind: JobKind = JobKind.LADD,
    **params: Any,
) -> Preset:
    figure = f"Figure {number}"
    return Preset(
        name=f"paper-fig{number}",
        title=f"{figure}: {title}",
        kind=kind,
        params={**params, "evaluation": dict(evaluation)},
        paper=[],
        claims=claims_about(figure),
        sets=PaperSets(class_maps=_IMAGENETTE, resolution=paper.RESOLUTION, ipc=list(ipc)),
    )


PRESETS = {
    preset.name: preset
    for preset in [
        _quick(),
        _table(1, "ImageNette, 1 to 20 IPC, over four architectures: baseline, baseline++, LADD", _WITH_PLUS),
        _table(2, "ImageNette, 10 IPC, by architecture: baseline and LADD", _COMPARED),
        # RDED-I (H), RDED-I (S), LADD-RDED-I, and RDED itself with its online teacher.
        _table(
            3,
            "ImageNet-1K, 10 IPC, ResNet-18: RDED's set",
            (BASELINE, "full_soft", LADD, "online"),
            architectures=["ResNet18BN"],
            recipe="rded",
        ),
        _table(4, "five subsets of ImageNet, 5 IPC: LADD's gain relative to the baseline", _COMPARED),
        _table(5, "ImageNette, 5 IPC, sets of six algorithms: baseline and LADD", _COMPARED),
        _table(6, "full images and local views with hard, soft and both labels, 5 IPC", TABLE_6_ARMS),
        _figure(2, "accuracy against the FLOPs of distillation, labeler and labelling", {"arms": _WITH_PLUS}, ipc=()),
        # "Same batch size and number of iterations": of the ways to train on the views, `pool` alone has that.
        _figure(
            3,
            "accuracy against deployment FLOPs at the same batch size and number of iterations",
            {"arms": _WITH_PLUS, "overrides": {"views": "pool"}, "curve_epochs": [100, 200, 500]},
            ipc=[5],
        ),
        # One or two images of each class of ImageNette. The paper does not name the network.
        _figure(4, "Grad-CAM of baseline and LADD", {"arms": _COMPARED, "explained_images": 16}, ipc=[5]),
        # Section 3.2: 50 epochs at a learning rate of 0.015, a checkpoint every ten.
        _figure(
            5,
            "accuracy by the epoch of the labeler",
            {"arms": _COMPARED},
            ipc=[5],
            kind=JobKind.SWEEP,
            labeler={"epochs": 50, "lr": 0.015, "checkpoint_epochs": _LABELER_EPOCHS},
            epochs=_LABELER_EPOCHS,
        ),
    ]
}

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


def differences(core: Core, tags: Mapping[str, str], params: Mapping[str, Any]) -> list[str]:
    """Say in what a job is not the experiment of the preset that it was made from, as its tag says."""
    preset = PRESETS.get(tags.get(PRESET_TAG, ""))
    found, source = (core.catalogue.dataset(params.get(field) or "") for field in ("dataset", "source_dataset"))
    if preset is None or preset.sets is None or found is None or source is None:
        return []
    sets, stats, experiment = preset.sets, found.measured, preset.title.partition(":")[0]
    notes = []
    if sets.ipc and stats.ipc not in sets.ipc:
        theirs = ", ".join(map(str, sets.ipc))
        ours = "no equal number" if stats.ipc is None else str(stats.ipc)
        notes.append(f"{experiment} of the paper has {theirs} images per class, {found.id} has {ours}.")
    size = stats.image_shape[1]
    if sets.resolution is not None and size != sets.resolution:
        notes.append(f"{experiment} of the paper has images of {sets.resolution} px, {found.id} of {size} px.")
    if not any(has_the_classes(found, source, class_map) for class_map in sets.class_maps):
        theirs = ", ".join(sets.class_maps)
        told = f"{found.id} about other classes, as far as names tell"
        notes.append(f"{experiment} of the paper is about {theirs}, {told}.")
    # A job of kind `evaluate` is the evaluation itself.
    arms = (params.get("evaluation", params) or {}).get("arms", [])
    lacking = [arm for arm in preset.params["evaluation"]["arms"] if arm not in arms]
    if lacking:
        why = f": name plus_dataset, a set with one image more of each class, for {PLUS}" if PLUS in lacking else ""
        notes.append(f"{experiment}: the preset's arms {', '.join(lacking)} are left out{why}.")
    return notes
