"""Which channel statistics real images are normalised with, to train the labeler on and to test networks on."""

from dataclasses import dataclass
from typing import Any

from api_schemas.datasets import ChannelStatistics, NamedNormalization, Normalization
from method.normalizations import AS_PUBLISHED, CARRIED, NORMALIZATIONS, TestNormalization, unit_fault
from service.core.catalogue.manifests import DatasetManifest
from service.core.kinds.validation_errors import ValidationErrors


@dataclass(frozen=True)
class RealNormalization:
    """The statistics of real images in a job on a distilled set, and the rule that they follow from."""

    statistics: ChannelStatistics
    rule: TestNormalization = CARRIED

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of a task that reads the set; without the rule they mean `carried`, as they always did."""
        return self.statistics.model_dump() | ({} if self.rule == CARRIED else {"test_normalization": self.rule})


def real_normalization(
    dataset: DatasetManifest, source: Normalization | None, rule: TestNormalization
) -> RealNormalization | None:
    """Return what real images are normalised with beside a set; None where neither it nor its source set tells."""
    own = dataset.measured.normalization if rule == CARRIED else None
    statistics = training_statistics(own, source)
    return None if statistics is None else RealNormalization(statistics, rule)


def check_published(
    errors: ValidationErrors, path: str, dataset: DatasetManifest, source: DatasetManifest, rule: TestNormalization
) -> None:
    """Refuse `as_published` where the statistics of the source set are none that anything is published with."""
    published, carried = source.measured.normalization, dataset.measured.normalization.carried
    if rule != AS_PUBLISHED or carried is None or published.name not in ("measured", "none"):
        return
    message = (
        f"the images of {dataset.id} are normalised, and how real ones are beside them is not known: those of "
        f"{source.id} are {published.name}; upload {source.id} again with the normalization of its publications "
        "(imagenet, cifar10, ...), or ask for carried"
    )
    errors.add(f"{path}test_normalization", "source_is_normalised_by_name", rule, message)


def named_statistics(name: NamedNormalization) -> ChannelStatistics:
    """Return the statistics of a name."""
    mean, std = NORMALIZATIONS[name]
    return ChannelStatistics(mean=list(mean), std=list(std))


def training_statistics(own: Normalization | None, source: Normalization | None) -> ChannelStatistics | None:
    """Return what networks are trained with: the set's own statistics, else its source set's, else None."""
    for normalization in (own, source):
        if normalization is not None and normalization.mean is not None and normalization.std is not None:
            return ChannelStatistics(mean=normalization.mean, std=normalization.std)
    return None


def choose_statistics(
    errors: ValidationErrors,
    field: str,
    named: NamedNormalization | ChannelStatistics | None,
    default: ChannelStatistics | None,
    channels: int,
) -> ChannelStatistics:
    """Return the statistics that a labeler's images are normalised with: those that are named, else the default."""
    chosen = named or default
    if chosen is None:
        errors.add(field, "required", None, "name a normalization: the source set has none")
        return ChannelStatistics(mean=[0.0] * channels, std=[1.0] * channels)
    statistics = chosen if isinstance(chosen, ChannelStatistics) else named_statistics(chosen)
    if len(statistics.mean) != channels:
        message = f"the normalization has {len(statistics.mean)} channels, the images have {channels}"
        errors.add(field, "same_channels", len(statistics.mean), message)
    if isinstance(named, ChannelStatistics) and (fault := unit_fault(named.mean, named.std)) is not None:
        errors.add(field, "unit_statistics", named.model_dump(), fault)
    return statistics
