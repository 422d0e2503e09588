"""The loss of rows with a temperature, by hand and against the published form on logits."""

import math

import pytest
import torch
import torch.nn.functional as F

from method.arms import ARMS
from workers.ladd.deployment.loss import beside, row_losses, tempered
from workers.ladd.labels.views import ViewGrid

from .test_training import CLASSES, training_set


def test_the_divergence_by_hand() -> None:
    # Two classes at T = 2: label (0.9, 0.1) becomes (3/4, 1/4), logits (ln 4, 0) become odds of 2, (2/3, 1/3).
    label, logits = torch.tensor([[0.9, 0.1]]), torch.tensor([[math.log(4), 0.0]])
    soft = tempered(label, 2.0)
    torch.testing.assert_close(soft, torch.tensor([[0.75, 0.25]]))
    expected = 0.75 * math.log(0.75 / (2 / 3)) + 0.25 * math.log(0.25 / (1 / 3))
    assert row_losses(logits, beside(None, soft), 2.0).item() == pytest.approx(expected, rel=1e-5)


def test_rows_are_batchmean_of_torchs_divergence_of_the_labelers_logits() -> None:
    draws = torch.Generator().manual_seed(0)
    said, logits = (3 * torch.randn(5, 10, generator=draws, dtype=torch.float64) for _ in range(2))
    soft = tempered(said.softmax(dim=1), 20.0)
    expected = F.kl_div((logits / 20).log_softmax(1), (said / 20).softmax(1), reduction="batchmean")
    assert row_losses(logits, beside(None, soft), 20.0).mean().item() == pytest.approx(expected.item(), rel=1e-9)


def test_own_labels_keep_their_cross_entropy_and_both_are_added() -> None:
    draws = torch.Generator().manual_seed(1)
    logits = torch.randn(3, 4, generator=draws)
    own, soft = (torch.randn(3, 4, generator=draws).softmax(dim=1) for _ in range(2))
    alone = row_losses(logits, beside(own, None), 20.0)
    torch.testing.assert_close(alone, F.cross_entropy(logits, own, reduction="none"))
    divergence = row_losses(logits, beside(None, soft), 20.0)
    torch.testing.assert_close(row_losses(logits, beside(own, soft), 20.0), alone + divergence)


def test_a_class_that_the_labeler_excludes_stays_excluded() -> None:
    label = torch.tensor([[0.0, 0.5, 0.5]])
    assert tempered(label, 20.0).tolist() == [[0.0, 0.5, 0.5]]
    assert row_losses(torch.zeros(1, 3), beside(None, label), 20.0).item() == pytest.approx(math.log(3 / 2))


@pytest.mark.parametrize(
    ("arm", "images", "views"),
    [("baseline", "own", None), ("full_soft", "soft", None), ("ladd", "own", "soft"), ("sub_both", None, "both")],
)
def test_each_arm_has_its_targets_apart(arm: str, images: str | None, views: str | None) -> None:
    data = training_set(2, ViewGrid(n=2), size=16)
    assert data.full_labels is not None
    assert data.dense_labels is not None
    targets = data.targets(ARMS[arm], CLASSES, 4.0)
    first = torch.zeros(1, dtype=torch.long)
    own = F.one_hot(data.labels, CLASSES).float()[:1]
    for kind, soft, full in ((images, data.full_labels[:1], 1), (views, data.dense_labels[:1, 0], 0)):
        if kind is not None:
            expected = [own if kind in ("own", "both") else 0 * own]
            expected.append(tempered(soft, 4.0) if kind in ("soft", "both") else 0 * own)
            torch.testing.assert_close(targets.rows(first, first, full), torch.cat(expected, dim=1))
