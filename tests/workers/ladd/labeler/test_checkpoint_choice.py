"""Checkpoint and temperature follow the cross-entropy on held-out views."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from method.labeler import MOST_JUDGED_ON
from workers.ladd.engine.normalization import normalize
from workers.ladd.labeler.checkpoint_choice import (
    COLDEST,
    HOTTEST,
    Candidate,
    best,
    draw_held_out_views,
    fit_temperature,
    judge,
    view_logits,
)
from workers.ladd.labels.views import ViewGrid, extract_views


def calibrated(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits [n, 5] and labels drawn from their softmax."""
    draws = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(count, 5, generator=draws)
    return logits, torch.multinomial(logits.softmax(dim=1), 1, generator=draws).squeeze(1)


@pytest.mark.parametrize("off", [0.3, 1.0, 4.0])
def test_the_temperature_that_makes_logits_overconfident_is_found(off: float) -> None:
    logits, labels = calibrated(5_000, seed=0)
    assert fit_temperature(logits * off, labels) == pytest.approx(off, rel=0.08)


def test_no_other_temperature_is_better() -> None:
    logits, labels = calibrated(300, seed=1)
    fitted = judge(1, 3 * logits, labels, None)
    for temperature in np.geomspace(COLDEST, HOTTEST, 41):
        assert judge(1, 3 * logits, labels, float(temperature)).cross_entropy >= fitted.cross_entropy


def test_temperatures_stay_within_their_range() -> None:
    labels = torch.tensor([0, 1])
    right = torch.eye(2)
    assert fit_temperature(right, labels) == pytest.approx(COLDEST)
    assert fit_temperature(-right, labels) == pytest.approx(HOTTEST)


def test_a_candidate_is_judged_at_the_temperature_asked_for() -> None:
    logits, labels = calibrated(50, seed=2)
    candidate = judge(7, logits, labels, 2.0)
    assert (candidate.epoch, candidate.temperature) == (7, 2.0)
    assert candidate.cross_entropy == pytest.approx(F.cross_entropy(logits / 2, labels).item(), rel=1e-5)


def test_the_lowest_cross_entropy_wins_and_the_earlier_epoch_among_equals() -> None:
    candidates = [Candidate(30, 1.0, 0.5), Candidate(20, 1.0, 0.5), Candidate(10, 1.0, 0.6)]
    assert best(candidates).epoch == 20


def test_held_out_views_are_drawn_from_held_out_rows_alone() -> None:
    images = np.arange(3000, dtype=np.uint8)[:, None, None, None].repeat(8, 1).repeat(8, 2)
    images = np.concatenate([images, (np.arange(3000) // 256).astype(np.uint8)[:, None, None, None] + 0 * images], 3)
    labels = np.arange(3000) % 7
    rows = np.arange(500, 3000)
    drawn = draw_held_out_views(images, labels, rows, ViewGrid(), seed=0)
    chosen = drawn.images[:, 0, 0, 0].long() + 256 * drawn.images[:, 0, 0, 1].long()
    assert len(chosen) == MOST_JUDGED_ON == len(set(chosen.tolist()))
    assert chosen.min() >= 500
    assert torch.equal(drawn.labels, chosen % 7)
    assert set(drawn.indices.tolist()) == set(range(25))
    assert torch.equal(draw_held_out_views(images, labels, rows, ViewGrid(), seed=0).indices, drawn.indices)


def test_logits_are_those_of_the_views() -> None:
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
    drawn = draw_held_out_views(images, np.zeros(6, dtype=np.int64), np.arange(6), ViewGrid(), seed=1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 256, 4))
    seen: list[int] = []
    logits = view_logits(model, drawn, [0.5] * 3, [0.2] * 3, "cpu", seen.append)
    assert sum(seen) == 6
    for row in range(6):
        image = normalize(drawn.images[row : row + 1], [0.5] * 3, [0.2] * 3, torch.device("cpu"))
        view = extract_views(image, ViewGrid(), drawn.indices[row : row + 1, None])[0]
        torch.testing.assert_close(logits[row : row + 1], model(view).detach(), rtol=1e-4, atol=1e-5)
