"""Channel statistics by name, and which of them networks are trained with."""

from api_schemas.datasets import ChannelStatistics, NamedNormalization, Normalization

STATISTICS: dict[NamedNormalization, ChannelStatistics] = {
    name: ChannelStatistics(mean=mean, std=std)
    for name, mean, std in (
        (NamedNormalization.MNIST, [0.1307], [0.3081]),
        (NamedNormalization.FASHION_MNIST, [0.2861], [0.3530]),
        (NamedNormalization.SVHN, [0.4377, 0.4438, 0.4728], [0.1980, 0.2010, 0.1970]),
        (NamedNormalization.CIFAR10, [0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]),
        (NamedNormalization.CIFAR100, [0.5071, 0.4866, 0.4409], [0.2673, 0.2564, 0.2762]),
        (NamedNormalization.CIFAR100_MTT, [0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]),
        (NamedNormalization.TINY_IMAGENET, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        (NamedNormalization.IMAGENET, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        (NamedNormalization.GLAD_WP, [0.4377, 0.4438, 0.4728], [0.229, 0.224, 0.225]),
        (NamedNormalization.GLAD_CIFAR100, [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
    )
}
"""As the `get_dataset` functions of DatasetCondensation, mtt-distillation and GLaD (and `workers.ladd`) have them."""


def training_statistics(own: Normalization, source: Normalization | None) -> ChannelStatistics | None:
    """Return what networks are trained with: the set's own statistics, else its source set's, else None."""
    for normalization in (own, source):
        if normalization is not None and normalization.mean is not None and normalization.std is not None:
            return ChannelStatistics(mean=normalization.mean, std=normalization.std)
    return None
