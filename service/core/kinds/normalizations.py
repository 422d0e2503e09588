"""Which channel statistics networks are trained with."""

from api_schemas.datasets import ChannelStatistics, NamedNormalization, Normalization
from method.normalizations import NORMALIZATIONS, unit_fault
from service.core.kinds.validation_errors import ValidationErrors


def named_statistics(name: NamedNormalization) -> ChannelStatistics:
    """Return the statistics of a name."""
    mean, std = NORMALIZATIONS[name]
    return ChannelStatistics(mean=list(mean), std=list(std))


def training_statistics(own: Normalization, source: Normalization | None) -> ChannelStatistics | None:
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
