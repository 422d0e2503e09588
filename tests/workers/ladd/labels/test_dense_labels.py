"""Dense labels are the softmax of every view, in equal bytes for equal inputs."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from workers.ladd.labels.dense_labels import generate_dense_labels
from workers.ladd.labels.views import ViewGrid
from workers.ladd.models import build_model

IMAGES = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def labeler(architecture: str = "ConvNetD3") -> nn.Module:
    return build_model(architecture, num_classes=10, channels=3, size=32, seed=3)


def test_labels_are_the_softmax_of_every_view_of_every_image() -> None:
    model = labeler()
    labels = generate_dense_labels(model, IMAGES, ViewGrid(), "cpu")
    assert labels.shape == (3, 25, 10)
    assert labels.dtype == "float32"
    model.eval()
    for image in range(3):
        for row in range(5):
            for column in range(5):
                # 32 px, N = 5, R = 0.625: crops of 20 px, 3 px apart.
                crop = IMAGES[image : image + 1, :, 3 * row : 3 * row + 20, 3 * column : 3 * column + 20]
                view = F.interpolate(crop, size=(32, 32), mode="bilinear", align_corners=False, antialias=False)
                with torch.no_grad():
                    expected = model(view).double().softmax(dim=1)[0]
                answer = torch.from_numpy(labels[image, 5 * row + column])
                torch.testing.assert_close(answer.double(), expected, rtol=1e-4, atol=1e-6)
    assert abs(labels.sum(axis=2) - 1).max() < 1e-6


def test_two_runs_give_the_same_bytes_whatever_state_the_labeler_is_in() -> None:
    runs = []
    for mode in (True, False):
        torch.manual_seed(int(mode))
        model = labeler("ViT").train(mode)
        runs.append(generate_dense_labels(model, IMAGES, ViewGrid(n=2), "cpu", batch_size=8).tobytes())
    assert runs[0] == runs[1]


@pytest.mark.parametrize("batch_size", [1, 4, 9, 1000])
def test_progress_counts_views(batch_size: int) -> None:
    told: list[tuple[int, int]] = []
    generate_dense_labels(
        nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2)),
        IMAGES,
        ViewGrid(n=2),
        "cpu",
        batch_size=batch_size,
        progress=lambda done, total: told.append((done, total)),
    )
    steps = range(batch_size, 12 + batch_size, batch_size)
    assert told == [(min(done, 12), 12) for done in steps]


def test_a_labeler_that_answers_nan_is_refused() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2))
    images = IMAGES.clone()
    images[1, 0, 31, 31] = float("nan")
    with pytest.raises(ValueError, match=r"dense_labels must be finite .* image 1"):
        generate_dense_labels(model, images, ViewGrid(n=1, ratio=1.0), "cpu")
