"""The parts of `thousand_epochs.py`: sets, networks, arms, seeds and settings, in the order in which they are run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OVERRIDES = {"lr": 0.01, "views": "sampled:2", "reduction": "sum", "precision": "fast"}
"""Of the recipe `glad`. 0.01 is DatasetCondensation's and MTT's `lr_net`; for ConvNetD5 on ImageNette-128, 0.001 and
0.03 were within two points of it."""

SOURCES = {"cifar10": ("CIFAR-10 (JPEG copy)", "cifar10"), "imagenette": ("ImageNette-128 (fastai)", "imagenet")}
"""{source: (name, normalization)}."""

SETS = {
    "DC": ("cifar10", "distgen_res_DC_CIFAR10_ConvNet_10ipc.pt"),
    "DSA": ("cifar10", "dsa_cifar10_10ipc_dcbench_png.npz"),
    "DM": ("cifar10", "dm_cifar10_10ipc_dcbench_png.npz"),
    "DC 1 IPC": ("cifar10", "distgen_res_DC_CIFAR10_ConvNet_1ipc.pt"),
    "DM-128": ("imagenette", "imagenette128_dm_5ipc.npz"),
    "start of DM-128": ("imagenette", "imagenette128_dm_5ipc_start.npz"),
}
"""{set: (source, file)}, 10 images a class but for the last three: 1, 5 and 5."""

CONTROLS = {"DM-128": "start of DM-128"}
"""{set: the random real images that it was distilled from}."""

FOUR = ("baseline", "ladd", "random", "random_ladd")


@dataclass(frozen=True)
class Part:
    """Jobs that differ in their seed alone. `labels`: fields of the job that say how labels are made; not the paper's
    alone where there are any.
    """

    set: str
    architecture: str
    arms: tuple[str, ...]
    seeds: range
    overrides: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the part is called in the results."""
        changed = [f"{name} {value}" for name, value in self.overrides.items()]
        made = [f"labels of {name} {json.dumps(value)}" for name, value in self.labels.items()]
        return ", ".join([self.set, self.architecture, *changed, *made])

    @property
    def all_overrides(self) -> dict[str, Any]:
        """Those of every part and its own."""
        own = {**OVERRIDES, **self.overrides}
        # A weight stands in the place of the name of one.
        return {name: it for name, it in own.items() if name != "reduction" or "view_weight" not in own}

    @property
    def labeler(self) -> str:
        """What makes its labeler another than that of another part."""
        return json.dumps([SETS[self.set][0], self.labels.get("labeler"), self.labels.get("labeler_seeds")])


ONE = {"views": "sampled:1"}
PAIR = ("baseline", "ladd")
EPOCHS = {"labeler": {"checkpoint_epochs": [1, 2, 5, 10]}}
"""The labeler of the other parts, kept at more epochs."""


GAIN: Mapping[str, Mapping[float, Mapping[str, Any]]] = {
    "weight of the views": {1: {"view_weight": 1}, 5: {"view_weight": 5}, 25: {}, 125: {"view_weight": 125}},
    "labeler's epoch": {1: {**EPOCHS, "epoch": 1}, 2: {**EPOCHS, "epoch": 2}, 5: {**EPOCHS, "epoch": 5}, 10: {}},
    "N": {n: {} if n == 5 else {"views": {"n": n, "ratio": 0.625}} for n in (2, 3, 5, 7)},
    "R": {r: {} if r == 0.625 else {"views": {"n": 5, "ratio": r}} for r in (0.375, 0.5, 0.625, 0.75, 0.875)},
    "labeler's seed": {0: {}, 1: {"labeler": {"seed": 1}}, 2: {"labeler": {"seed": 2}}},
}
"""What may decide LADD's gain: {question: {value: what of a job it changes}}; nothing where it is the paper's."""
BEST_LR = ("baseline_best_lr", "ladd_best_lr")
"""Compared where the question moves the size of a step: each at the learning rate that suits it."""
KINDS_OF_LABELS = ("ladd", "full_soft", "sub_hard", "sub_soft")


def of_the_gain(set_: str, question: str, value: float, arms: tuple[str, ...], seeds: range = range(3)) -> Part:
    """Return the part that answers it on a set, by ConvNetD3 and one view of an image a step."""
    changed = GAIN[question][value]
    overrides = {name: it for name, it in changed.items() if name == "view_weight"}
    return Part(
        set_, "ConvNetD3", arms, seeds, ONE | overrides, {k: v for k, v in changed.items() if k not in overrides}
    )


def parts_of_the_gain(set_: str) -> list[Part]:
    """Return all of them on a set, and those of the paper's values first."""
    weight, *others = GAIN
    parts = [of_the_gain(set_, weight, 25, arms) for arms in (KINDS_OF_LABELS, BEST_LR)]
    parts += [of_the_gain(set_, weight, value, BEST_LR[1:]) for value in GAIN[weight]]
    parts += [of_the_gain(set_, question, value, ("ladd",)) for question in others for value in GAIN[question]]
    return [part for number, part in enumerate(parts) if number < 2 or part.name != parts[0].name]


PARTS = (
    Part("DM", "ConvNetD3", FOUR, range(3)),
    Part("DSA", "ConvNetD3", PAIR, range(3)),
    Part("DC", "ConvNetD3", PAIR, range(3)),
    Part("DC 1 IPC", "ConvNetD3", PAIR, range(3)),
    *parts_of_the_gain("DC 1 IPC"),
    Part("DM-128", "ConvNetD5", PAIR, range(1), ONE),
    Part("DM", "ConvNetD3", ("ladd",), range(3), {"reduction": "mean"}),
    Part("DM", "ConvNetD3", FOUR, range(3, 5)),
    Part("DM", "ConvNetD3", ("ladd",), range(3), {**ONE, "view_weight": 5}),
    Part("DM", "ConvNetD3", ("ladd",), range(3), ONE),
    Part("DM", "ConvNetD3", ("ladd",), range(3), ONE, {**EPOCHS, "epoch": 1}),
    Part("DM-128", "ConvNetD5", PAIR, range(1, 3), ONE),
    Part("start of DM-128", "ConvNetD5", PAIR, range(2), ONE),
    Part("DM", "VGG11", FOUR, range(1)),
    Part("DM", "ConvNetD3", ("baseline_best_lr",), range(3)),
    Part("DM", "AlexNet", FOUR, range(1)),
    Part("DC 1 IPC", "ConvNetD3", ("ladd",), range(1), {"views": "full"}),
    Part("DM", "ConvNetD3", ("full_soft",), range(3)),
    Part("DM", "ConvNetD3", ("ladd",), range(1), {"views": "full"}),
    Part("DSA", "ConvNetD3", PAIR, range(3, 5)),
    Part("DC", "ConvNetD3", PAIR, range(3, 5)),
    Part("DM", "VGG11", FOUR, range(1, 3)),
    Part("DM", "AlexNet", FOUR, range(1, 3)),
    Part("DM-128", "ConvNetD5", ("baseline",), range(3, 5), ONE),
    *parts_of_the_gain("DM"),
    Part("DM", "ConvNetD3", ("ladd_best_lr",), range(3)),
    Part("DSA", "ConvNetD3", ("baseline_best_lr",), range(3)),
    Part("DC", "ConvNetD3", ("baseline_best_lr",), range(3)),
)
"""In the order in which they are run; parts of the same name and other arms or seeds add up."""
