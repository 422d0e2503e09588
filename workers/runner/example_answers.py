"""The answers of a labeler's checkpoints to one image: the numbers of the paper's Figure 5b (section 4.5)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from api_schemas.datasets import Normalization
from api_schemas.labelling import ExampleAnswers
from workers.ladd.labels.dense_labels import WHOLE_IMAGE, generate_dense_labels
from workers.ladd.sets.stored_set import DistilledSet
from workers.runner.label_writers import LabelWriter
from workers.runner.labeler_files import network_of
from workers.runner.normalizations import network_images

MOST_CLASSES = 10
"""Of an example: the paper's sets have as many, and more bars are hard to tell apart."""


def example_answers(
    writers: Sequence[LabelWriter],
    stored: DistilledSet,
    normalization: Normalization,
    params: Mapping[str, Any],
    device: str,
) -> ExampleAnswers | None:
    """Return what the labeler says about the first whole image of a set at every epoch that it keeps.

    None for several labelers, and for one with a single epoch to show. A checkpoint without finite answers is left out,
    and the few forwards are in no count.
    """
    writer, *others = writers
    kept = [row.epoch for row in writer.labeler.epochs if row.checkpoint is not None]
    if others or len(kept) < 2:
        return None
    image = network_images(stored.images[:1], normalization, writer.labeler.mean, writer.labeler.std, params)
    answers = {}
    for epoch in kept:
        network = network_of(writer.labeler, writer.files, epoch)
        try:
            labels = generate_dense_labels(network, image, WHOLE_IMAGE, device, temperature=writer.temperature)
        except ValueError:  # No numbers: it would fail a job whose own checkpoint is sound.
            continue
        answers[epoch] = labels[0, 0]
    if len(answers) < 2:
        return None
    label = int(stored.labels[0])
    rank = np.mean(list(answers.values()), axis=0)
    rank[label] = np.inf  # The class of the image is among those shown, whatever the labeler thinks of it.
    classes = np.sort(np.argsort(-rank, kind="stable")[:MOST_CLASSES])
    return ExampleAnswers(
        image=0,
        label=label,
        classes=classes.tolist(),
        epochs=list(answers),
        probabilities=[np.round(each[classes].astype(float), 4).tolist() for each in answers.values()],
    )
