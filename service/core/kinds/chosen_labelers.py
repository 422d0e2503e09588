"""Which labelers write dense labels, at which of their checkpoints, and by what these are chosen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from api_schemas.datasets import DatasetRole
from api_schemas.ensemble import Ensemble, EpochChoice, LabelerChoice, Temperature
from method.labeler import EPOCH
from service.core.catalogue.catalogue import Catalogue
from service.core.catalogue.manifests import DatasetManifest, LabelerManifest
from service.core.kinds.train_labeler import rounds_to_none
from service.core.kinds.validation_errors import ValidationErrors


@dataclass(frozen=True)
class ChosenLabeler:
    """One labeler; its checkpoint is chosen among `epochs` by the images that were held out of `source_dataset`.

    `network` is what its speed is noted under, `forward_flops` are those of one image. It may not be trained yet.
    """

    id: str
    network: str
    forward_flops: int
    epochs: Sequence[int]
    source_dataset: str


def labeler_of(catalogue: Catalogue, dataset: DatasetManifest) -> ChosenLabeler | None:
    """Return the labeler that alone wrote a set's dense labels and is still in the catalogue."""
    labels = dataset.augmentation
    if labels is None or not isinstance(labels.labeler, str) or not isinstance(labels.epoch, int):
        return None
    labeler = catalogue.labeler(labels.labeler)
    if labeler is None:
        return None
    return ChosenLabeler(labeler.id, labeler.network, labeler.forward_flops, [labels.epoch], labeler.source_dataset)


def chooses(epoch: EpochChoice, temperature: Temperature) -> bool:
    """Tell whether held-out images decide about something."""
    return "auto" in (epoch, temperature)


def choose_existing(
    errors: ValidationErrors,
    choice: LabelerChoice,
    epoch: EpochChoice,
    temperature: Temperature,
    dataset: DatasetManifest | None,
) -> list[ChosenLabeler]:
    """Return the labelers that a request names; their faults are noted under `labeler` and `epoch`.

    `dataset` is the set to label, None where that itself is wrong.
    """
    names = choice.ensemble if isinstance(choice, Ensemble) else [choice]
    field = "labeler.ensemble" if isinstance(choice, Ensemble) else "labeler"
    errors.distinct(field, names)
    chosen = []
    for name in names:
        labeler = errors.labeler(field, name)
        if labeler is None:
            continue
        if dataset is not None:
            errors.same_shape(field, dataset, labeler)
        if chooses(epoch, temperature):
            _check_held_out(errors, field, labeler)
        epochs = choose_epochs(errors, epoch, labeler.kept_epochs)
        chosen.append(ChosenLabeler(name, labeler.network, labeler.forward_flops, epochs, labeler.source_dataset))
    return chosen


def _check_held_out(errors: ValidationErrors, field: str, labeler: LabelerManifest) -> None:
    if labeler.recipe is None or not labeler.recipe.held_out:
        how = "was imported" if labeler.recipe is None else "was trained on all of source.train"
        message = f"{labeler.id} {how}: no images are known that it has not seen; train one with held_out"
        errors.add(field, "labeler_held_out", labeler.id, message)
        return
    source = errors.dataset(field, labeler.source_dataset, DatasetRole.SOURCE)
    if (
        source is not None
        and labeler.held_out_images is None
        and rounds_to_none(source.measured, labeler.recipe.held_out)
    ):
        message = f"{labeler.id} held no image out of some classes, as labelers did once; train it again"
        errors.add(field, "labeler_held_out", labeler.id, message)


def choose_epochs(errors: ValidationErrors, asked: EpochChoice, kept: Collection[int]) -> list[int]:
    """Return the checkpoint to use: the one asked for, else the paper's when kept, else the last; `auto`: all."""
    if asked is None:
        return [EPOCH if EPOCH in kept else max(kept)]
    if asked == "auto":
        if len(kept) < 2:
            message = f"the labeler keeps epoch {max(kept)} alone: there is nothing to choose; see checkpoint_epochs"
            errors.add("epoch", "several_checkpoints", asked, message)
        return sorted(kept)
    if asked not in kept:
        epochs = ", ".join(map(str, sorted(kept)))
        errors.add("epoch", "epoch_is_kept", asked, f"the labeler keeps epochs {epochs}, not {asked}")
    return [asked]
