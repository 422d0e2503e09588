"""Sets with real arrays, which nobody distilled and no labeler labelled."""

import io
from typing import Any

import numpy as np

from service.core.lifecycle import tasks
from tests.service.core.hand import Hand
from tests.service.core.made_up_results import RESULTS


def drawn_set(hand: Hand, **metadata: Any) -> str:
    """A distilled set of 10 classes with two images each, as its arrays are stored: [20, 32, 32, 3] and [20]."""
    dataset = hand.upload(**metadata)
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    arrays = {"images.npy": images, "labels.npy": np.arange(10, dtype=np.int64).repeat(2)}
    files = {name: hand.file(npy(array)) for name, array in arrays.items()}
    assert tasks.succeed(hand.core, hand.claim(dataset.job, "ingest"), {"stats": hand.made_up_stats()}, files)
    return str(dataset.id)


def labelled_set(hand: Hand, distilled: str) -> str:
    """The same with 25 views of each image, whose labels say the class after the uploaded one."""
    job = hand.submit("ladd", dataset=distilled, evaluation=None)
    hand.work(job.id, until="generate_labels")
    claimed = hand.claim(job.id, "generate_labels")
    dense = np.full((20, 25, 10), 0.05, dtype=np.float32)
    for image in range(20):
        dense[image, :, (image // 2 + 1) % 10] = 0.55
    result, made = RESULTS[claimed.type](claimed)
    files = {name: hand.file(npy(dense) if name == "dense_labels.npy" else content) for name, content in made.items()}
    assert tasks.succeed(hand.core, claimed, result, files)
    return str(hand.work(job.id).links.archive).split("/")[3]


def npy(array: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def few(**changed: Any) -> dict[str, Any]:
    return {"architectures": ["ConvNetD3", "ResNet18"], "trials": 3, "overrides": {"epochs": 2}} | changed
