"""Everything that the tasks of a job have found: the report and its figures are made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import shorten

import numpy as np
from numpy.typing import NDArray

from api_schemas.evaluation import Evaluation, EvaluationRow, EvaluationSummary, FlopCount, SweepPoint
from api_schemas.labelers import Labeler
from api_schemas.labelling import ExampleAnswers, Labelling
from api_schemas.report_inputs import ReportInput, names_of
from api_schemas.storage import Storage


def drawn(name: str, width: int) -> str:
    """Return a user's name as a figure can show it: shortened, and no dollar signs that would begin a formula."""
    return shorten(name, width, placeholder="…").replace("$", r"\$")


@dataclass(frozen=True)
class Preparation:
    """FLOPs before deployment of a set; None for a part that nobody counted, and for labels that it does not have."""

    dataset: str
    distillation: float
    labelling: int | None
    labeler_training: int | None


@dataclass(frozen=True)
class Found:
    """None or empty for what the job was not about.

    `test_images` uint8 [T, H, W, C]; `preparations` are of the sets whose distillation somebody counted. `progressive`:
    cheap trials came first, and others confirmed them where they left the answer open. `inputs`: the sets and labelers.
    """

    evaluation: Evaluation | None = None
    labelling: Labelling | None = None
    example: ExampleAnswers | None = None
    storage: Storage | None = None
    flops: FlopCount = field(default_factory=lambda: FlopCount(labelling=None, labeler_training=None, deployment=None))
    labelers: Sequence[Labeler] = ()
    points: Sequence[SweepPoint] = ()
    preparations: Sequence[Preparation] = ()
    test_images: NDArray[np.uint8] | None = field(default=None, compare=False)
    progressive: bool = False
    inputs: Sequence[ReportInput] = ()

    def name_of(self, id: str, width: int = 48) -> str:
        """Return the name of a set or labeler as a legend can show it, or its id where that is not known."""
        return drawn(names_of(self.inputs).get(id, id), width)

    @property
    def rows(self) -> Sequence[EvaluationRow]:
        """Rows of the evaluation."""
        return self.evaluation.rows if self.evaluation else ()

    @property
    def summary(self) -> Sequence[EvaluationSummary]:
        """The k-CAE of each arm."""
        return self.evaluation.summary if self.evaluation else ()
