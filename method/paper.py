"""The numbers of the paper: Kang, Lim & Shim, "Label-Augmented Dataset Distillation", WACV 2025. Accuracies in percent.

`data/paper.csv` has every cell of its tables, `data/paper_claims.csv` what its text derives from them or adds. A
`model` is a network, or the mean over several: 5-CAE over `FIVE`, 4-CAE over `FOUR`. In all tables +- is the mean over
networks of the standard deviations over five trials. A `remark` says where a number and others of the
paper disagree.

The rows of Table 3 are arms here: RDED-I (H) and (S) are RDED's images with hard or soft labels, LADD-RDED-I those with
dense labels, and RDED itself has its teacher while the network trains. It does not tell the size of the images.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from method import labeler, views
from method.class_maps import imagenet_indices
from method.class_names import imagenet_key, meaning

RESOLUTION = 128
"""In pixels, of all tables but Table 3 (section 4.1)."""
POINT = (views.GRID, views.RATIO, labeler.EPOCH)
"""N, R and the labeler's epoch behind all of the main results (sections 3.2 and 4.1)."""

FIVE = ("ConvNetD5", "VGG11", "ResNet18", "AlexNet", "ViT")
FOUR = FIVE[:4]
"""Table 1 leaves out ViT, on which several trainings for MTT and AST did not converge (section 4.2)."""
CAE = {"5-CAE": FIVE, "4-CAE": FOUR}

METHODS = ("MTT", "AST", "TESLA", "GLaD-MTT", "GLaD-GM", "GLaD-DM", "SRe2L", "RDED")
"""The methods that distilled the sets of the tables."""

IMAGENET = "imagenet"
"""The source set of Table 3, all classes of ImageNet-1K; the others are names of `method.class_maps`."""
IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class Cell:
    """One accuracy of a table.

    resolution: in pixels; None: the table does not tell.
    arm: a name of `method.arms`; empty: none of them trains so.
    std: None: the table has none.
    overhead: what the arm adds to the bytes of the baseline's set, in percent (Table 1).
    compliant: whether the paper counts the method as within the rules of dataset distillation (Table 3).
    """

    table: str
    method: str
    class_map: str
    resolution: int | None
    ipc: int
    model: str
    arm: str
    mean: float
    std: float | None
    overhead: float | None
    compliant: bool | None
    remark: str | None

    @property
    def architectures(self) -> tuple[str, ...]:
        """The networks whose mean it is."""
        return CAE.get(self.model, (self.model,))

    @property
    def k(self) -> int:
        """How many networks: 1 is a single one."""
        return len(self.architectures)


@dataclass(frozen=True)
class Claim:
    """A number of the text.

    experiment: the table or figure that it is about; empty: none.
    recomputed: the same by the paper's other numbers or in closed form; None: they do not give it.
    """

    experiment: str
    section: str
    claim: str
    value: float
    unit: str
    recomputed: float | None
    remark: str | None


def has_classes(class_map: str, names: Sequence[str]) -> bool:
    """Tell whether classes of these names are those of a source set of the tables, in whatever order."""
    indices = range(IMAGENET_CLASSES) if class_map == IMAGENET else imagenet_indices(class_map)
    return len(names) == len(indices) and {meaning(name) for name in names} == set(map(imagenet_key, indices))


def _lines(name: str) -> list[dict[str, str]]:
    text = (resources.files(__package__) / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _number(text: str) -> float | None:
    return float(text) if text else None


CELLS = tuple(
    Cell(
        table=line["table"],
        method=line["method"],
        class_map=line["class_map"],
        resolution=int(line["resolution"]) if line["resolution"] else None,
        ipc=int(line["ipc"]),
        model=line["model"],
        arm=line["arm"],
        mean=float(line["mean"]),
        std=_number(line["std"]),
        overhead=_number(line["overhead"]),
        compliant={"yes": True, "no": False}.get(line["compliant"]),
        remark=line["remark"] or None,
    )
    for line in _lines("paper.csv")
)
"""In the order of the tables and of their rows."""

CLAIMS = tuple(
    Claim(
        experiment=line["experiment"],
        section=line["section"],
        claim=line["claim"],
        value=float(line["value"]),
        unit=line["unit"],
        recomputed=_number(line["recomputed"]),
        remark=line["remark"] or None,
    )
    for line in _lines("paper_claims.csv")
)
