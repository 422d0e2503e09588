"""Names that somebody may have meant."""

from method.near_names import did_you_mean


def test_near_names_are_offered_whatever_their_case() -> None:
    assert did_you_mean("Lables", ["images", "labels"]) == "; did you mean labels?"
    assert did_you_mean("cifar_10", ["CIFAR10", "svhn"]) == "; did you mean CIFAR10?"


def test_nothing_is_offered_where_nothing_is_near() -> None:
    assert did_you_mean("x", ["images", "labels"]) == ""
    assert did_you_mean("x", []) == ""
