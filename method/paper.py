"""What the paper reports: Kang, Lim & Shim, "Label-Augmented Dataset Distillation", WACV 2025. Accuracies in percent.

In all tables +- is the mean over architectures of the standard deviations over five trials.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from method import labeler, views
from method.arms import TABLE_6 as TABLE_6_ARMS

RESOLUTION = 128
POINT = (views.GRID, views.RATIO, labeler.EPOCH)
"""N, R and the labeler's epoch behind all of the main results (sections 3.2 and 4.1)."""

FIVE = ("ConvNetD5", "VGG11", "ResNet18", "AlexNet", "ViT")
FOUR = FIVE[:4]
"""Table 1 leaves out ViT, on which several trainings for MTT and AST did not converge (section 4.2)."""

METHODS = ("MTT", "AST", "TESLA", "GLaD-MTT", "GLaD-GM", "GLaD-DM")
"""The methods that distilled the sets of the k-CAE tables."""


class Accuracy(NamedTuple):
    """A mean, and +-; None: not reported."""

    mean: float
    std: float | None = None


@dataclass(frozen=True)
class Result:
    """The k-CAE of one distilled set under each arm, over `architectures`; `source`: where in the paper."""

    source: str
    method: str
    class_map: str
    ipc: int
    architectures: tuple[str, ...]
    arms: Mapping[str, Accuracy]


_TABLE_1 = {
    1: {
        "MTT": ((38.3, 0.9), (42.6, 1.0), (40.9, 1.3)),
        "AST": ((39.0, 1.2), (41.8, 1.2), (41.9, 1.6)),
        "GLaD-MTT": ((34.3, 1.0), (41.8, 1.4), (40.7, 1.2)),
    },
    5: {
        "MTT": ((49.5, 1.4), (50.5, 1.0), (52.6, 0.8)),
        "AST": ((51.4, 1.2), (52.1, 1.3), (60.1, 0.9)),
        "GLaD-MTT": ((48.0, 1.1), (48.6, 1.2), (58.4, 0.9)),
    },
    10: {
        "MTT": ((54.6, 1.3), (55.4, 1.2), (55.6, 1.2)),
        "AST": ((53.2, 0.9), (54.2, 1.3), (62.0, 0.5)),
        "GLaD-MTT": ((52.3, 1.1), (52.4, 1.2), (62.8, 0.9)),
    },
    20: {
        "MTT": ((58.2, 1.2), (59.2, 1.3), (59.6, 0.5)),
        "AST": ((55.5, 1.5), (56.9, 1.3), (59.4, 1.0)),
        "GLaD-MTT": ((53.3, 1.2), (54.9, 1.0), (66.5, 0.8)),
    },
}
"""{images per class: {method: baseline, baseline++, LADD}}: 4-CAE on ImageNette."""

TABLE_1_OVERHEAD = {1: (1.001, 0.025), 5: (0.207, 0.025), 10: (0.100, 0.025), 20: (0.050, 0.025)}
"""{images per class: extra zipped bytes of baseline++ and of LADD, as a part of the baseline's}."""

TABLE_2: Mapping[str, Mapping[str, tuple[Accuracy, Accuracy]]] = {
    method: {
        architecture: (Accuracy(*baseline), Accuracy(*ladd))
        for architecture, (baseline, ladd) in zip((*FIVE, "Avg."), rows, strict=True)
    }
    for method, rows in {
        "MTT": (
            ((61.2, 1.5), (62.1, 0.8)),
            ((49.6, 1.8), (50.6, 1.5)),
            ((57.3, 1.9), (59.0, 1.6)),
            ((46.4, 0.6), (51.0, 0.6)),
            ((35.9, 0.8), (37.8, 0.5)),
            ((50.1, 1.3), (51.8, 1.3)),
        ),
        "AST": (
            ((63.8, 0.5), (66.8, 0.4)),
            ((48.3, 1.4), (58.1, 0.7)),
            ((54.9, 0.7), (63.6, 0.6)),
            ((45.6, 1.1), (59.4, 0.3)),
            ((31.0, 1.3), (32.6, 2.2)),
            ((48.7, 1.0), (56.1, 0.8)),
        ),
        "GLaD-MTT": (
            ((61.2, 0.4), (69.0, 0.8)),
            ((49.0, 1.0), (60.0, 1.3)),
            ((55.6, 1.9), (65.5, 0.7)),
            ((43.3, 0.9), (56.7, 0.8)),
            ((32.6, 0.2), (42.5, 1.2)),
            ((48.3, 0.9), (58.7, 1.0)),
        ),
    }.items()
}
"""{method: {architecture, or "Avg.": baseline and LADD}} on ImageNette at 10 images per class."""

TABLE_3: Mapping[str, Accuracy] = {
    "TESLA": Accuracy(7.7, 0.1),
    "SRe2L": Accuracy(21.3, 0.6),
    "RDED-I (H)": Accuracy(12.4, 0.3),
    "RDED-I (S)": Accuracy(23.6, 0.3),
    "LADD-RDED-I": Accuracy(28.8, 0.5),
    "RDED": Accuracy(42.0, 0.3),
}
"""ResNet-18 on ImageNet-1K at 10 images per class. RDED-I: RDED's images with hard or soft labels, without the teacher
at training time that RDED itself has."""

_SUBSETS = ("imagenette", "imagefruit", "imagewoof", "imagemeow", "imagesquawk")
_TABLE_4 = {
    "MTT": (
        ((45.3, 1.1), (31.7, 1.8), (28.3, 1.2), (33.0, 1.1), (41.5, 1.0)),
        ((49.2, 0.9), (35.5, 1.2), (31.0, 0.8), (36.4, 0.7), (48.2, 0.8)),
    ),
    "AST": (
        ((47.3, 1.2), (32.9, 1.9), (29.3, 1.1), (32.0, 1.5), (35.1, 2.1)),
        ((53.4, 1.1), (40.3, 1.4), (33.0, 1.1), (36.0, 1.0), (43.2, 1.0)),
    ),
    "GLaD-MTT": (
        ((44.2, 1.0), (27.5, 1.0), (24.5, 0.9), (30.0, 0.8), (34.0, 1.3)),
        ((53.9, 0.9), (32.5, 1.2), (26.1, 0.6), (33.7, 1.1), (42.1, 0.8)),
    ),
}
"""{method: baseline and LADD on each of the subsets}: 5-CAE at 5 images per class."""
_TABLE_5 = {
    "MTT": ((45.3, 1.1), (49.2, 0.9)),
    "AST": ((47.3, 1.2), (53.4, 1.1)),
    "GLaD-MTT": ((44.2, 1.0), (53.9, 0.9)),
    "GLaD-GM": ((39.8, 0.7), (52.1, 1.0)),
    "GLaD-DM": ((37.2, 1.2), (49.9, 1.0)),
    "TESLA": ((19.2, 0.7), (27.3, 0.7)),
}
"""{method: baseline and LADD}: 5-CAE on ImageNette at 5 images per class."""

TABLE_6: Mapping[str, tuple[float, ...]] = dict(
    zip(
        TABLE_6_ARMS,
        (
            (58.7, 45.5, 50.6, 37.0, 29.4, 44.2),
            (60.1, 44.5, 51.2, 37.7, 28.8, 44.5),
            (60.8, 44.1, 51.9, 36.3, 29.2, 44.5),
            (54.3, 49.7, 49.5, 37.3, 29.6, 44.1),
            (62.5, 53.8, 57.0, 49.4, 32.6, 51.1),
            (59.8, 54.7, 55.4, 48.9, 34.6, 50.7),
            (66.5, 55.7, 61.2, 50.2, 35.9, 53.9),
        ),
        strict=True,
    )
)
"""{arm: accuracy of each of `FIVE`, and 5-CAE}: GLaD (MTT) on ImageNette at 5 images per class."""

AVERAGE_GAIN = 0.149
"""Of LADD relative to the baseline, over the five source sets of Table 4 and then over its three methods."""
STORAGE_OVERHEAD = 0.025
LABELLING_PFLOPS = 0.002
"""Of the dense labels of ImageNette at 5 images per class."""


def results() -> Iterator[Result]:
    """Yield every k-CAE of Tables 1, 2, 4, 5 and 6; a set that stands in two tables comes twice."""
    for ipc, methods in _TABLE_1.items():
        for method, row in methods.items():
            arms = dict(zip(("baseline", "baseline_plus", "ladd"), (Accuracy(*each) for each in row), strict=True))
            yield Result("Table 1", method, "imagenette", ipc, FOUR, arms)
    for method, rows in TABLE_2.items():
        yield _pair("Table 2", method, "imagenette", 10, *rows["Avg."])
    for method, (baselines, ladds) in _TABLE_4.items():
        for subset, baseline, ladd in zip(_SUBSETS, baselines, ladds, strict=True):
            yield _pair("Table 4", method, subset, 5, Accuracy(*baseline), Accuracy(*ladd))
    for method, (baseline, ladd) in _TABLE_5.items():
        yield _pair("Table 5", method, "imagenette", 5, Accuracy(*baseline), Accuracy(*ladd))
    arms = {arm: Accuracy(accuracies[-1]) for arm, accuracies in TABLE_6.items()}
    yield Result("Table 6", "GLaD-MTT", "imagenette", 5, FIVE, arms)


def _pair(source: str, method: str, class_map: str, ipc: int, baseline: Accuracy, ladd: Accuracy) -> Result:
    return Result(source, method, class_map, ipc, FIVE, {"baseline": baseline, "ladd": ladd})
