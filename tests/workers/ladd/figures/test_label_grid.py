"""The picture of one image's dense labels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workers.ladd.figures.label_grid import LARGEST, write_label_grid
from workers.ladd.labels.views import ViewGrid


@pytest.mark.parametrize(("n", "channels", "shown"), [(1, 1, 1), (3, 3, 3), (LARGEST + 1, 1, 5)])
def test_every_view_has_a_panel_up_to_a_limit(tmp_path: Path, n: int, channels: int, shown: int) -> None:
    draws = np.random.default_rng(0)
    image = draws.integers(0, 256, (8, 8, channels), dtype=np.uint8)
    labels = draws.dirichlet(np.ones(2), n * n).astype(np.float32)
    for path in (tmp_path / "one.png", tmp_path / "two.png"):
        write_label_grid(image, 1, labels, ViewGrid(n), ["cat", "dog"], path)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.size == pytest.approx(((1.1 * shown + 0.2) * 120, (1.1 * shown + 0.6) * 120), abs=1)
