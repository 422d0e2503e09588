"""Labelers are listed and shown."""

from typing import Any

import pytest

from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.foundation.listing import EVERYTHING
from service.core.resources import labelers


def test_labelers_are_listed_and_shown(core: Core, hand: Any) -> None:
    source = hand.ready_set("source")
    made = [hand.trained_labeler(source, seed=seed, epochs=2) for seed in range(5)][::-1]
    first = labelers.page(core, limit=2)
    assert [labeler.id for labeler in first.items] == made[:2]
    second = labelers.page(core, EVERYTHING, first.next_cursor, 2)
    assert [labeler.id for labeler in second.items] == made[2:4]
    third = labelers.page(core, EVERYTHING, second.next_cursor, 2)
    assert ([labeler.id for labeler in third.items], third.next_cursor) == (made[4:], None)
    labeler = labelers.view(core, made[0])
    assert labeler == first.items[0]
    assert labeler.source_dataset == source
    assert (labeler.image_shape, labeler.mean) == ([3, 32, 32], [0.5, 0.4, 0.3])
    assert [row.checkpoint for row in labeler.epochs] == [None, "epoch_002.safetensors"]


def test_an_unknown_labeler_is_not_found(core: Core) -> None:
    with pytest.raises(ServiceError, match="no labeler lb_none"):
        labelers.view(core, "lb_none")
