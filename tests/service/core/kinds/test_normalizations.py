"""Which channel statistics networks are trained with."""

from api_schemas.datasets import Normalization
from service.core.kinds.normalizations import training_statistics


def test_own_statistics_come_before_those_of_the_source() -> None:
    none = Normalization(name="none", mean=None, std=None, applied=False, reason="")
    own = Normalization(name="custom", mean=[0.1], std=[0.2], applied=True, reason="")
    source = Normalization(name="measured", mean=[0.3], std=[0.4], applied=False, reason="")
    for normalization, mean in ((own, [0.1]), (none, [0.3])):
        found = training_statistics(normalization, source)
        assert found is not None
        assert found.mean == mean
    assert training_statistics(none, None) is None
