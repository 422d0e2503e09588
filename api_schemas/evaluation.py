"""Settings of an evaluation and its report. Accuracies are in percent."""

from typing import Annotated, Any, Literal

from pydantic import Field

from api_schemas.arms import ArmName, ShownArm
from api_schemas.base import DatasetId, JobId, Request, Response, Sha256
from api_schemas.cost import JobCost
from api_schemas.labelers import Architecture, ShownArchitecture
from api_schemas.labelling import Labelling
from api_schemas.links import Link
from api_schemas.recipes import Epochs, RecipeName, RecipeOverrides
from api_schemas.report_inputs import ReportInput
from api_schemas.scores import Score
from api_schemas.storage import Storage
from method.arms import BASELINE, LADD
from method.normalizations import CARRIED, TestNormalization
from method.recipes import TRIALS
from method.verdicts import Verdict

Reuse = Literal["auto", "never"]
"""Whether what another job of the tenant has computed in the same way is taken."""


class EvaluationSpec(Request):
    """The evaluation of one or more sets. Defaults are the paper's: five architectures, five trials, 1,000 epochs."""

    arms: Annotated[list[ArmName], Field(min_length=1, max_length=32)] = [BASELINE, LADD]
    architectures: Annotated[list[Architecture], Field(min_length=1, max_length=16)] | None = None
    """Null: the ConvNet that fits the resolution, AlexNet, VGG11, ResNet18, ViT."""
    trials: Annotated[int, Field(ge=1, le=100)] = TRIALS
    recipe: RecipeName = "glad"
    overrides: RecipeOverrides = RecipeOverrides()
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    explained_images: Annotated[int, Field(ge=0, le=16)] = 0
    """Test images, the first of each class in turn, whose Grad-CAM the first trial of every row keeps."""
    keep_models: bool = False
    """Keep the network of every trial: `model` of its row says where. Some MB each, for as long as the job is there."""
    curve_epochs: Annotated[list[Epochs], Field(max_length=16)] = []
    """Smaller numbers of epochs for which everything is trained as well: points of the curve of accuracy against cost
    (the paper's Figure 3). Each is a training of its own, whose schedule ends there; no k-CAE contains it."""
    plus_dataset: DatasetId | None = None
    """The set of the arm `baseline_plus`: by the same method, with one image more of each class."""
    test_normalization: TestNormalization = CARRIED
    """The statistics that real images are normalised with, to be tested on and to train the job's labeler. `carried`:
    those of the set; `as_published`: those of the source set, and a normalised set is fed as it is (as GLaD does)."""


class GradCam(Response):
    """Where a network finds the class of some test images: `maps` [images, h, w] in [0, 1], each to be stretched over
    its image. `images` are places in `val`, `classes` their labels.
    """

    images: list[int]
    classes: list[int]
    maps: list[list[list[float]]]


class StoredModel(Response):
    """A trained network, a safetensors file: `GET /v1/jobs/{id}/models/{sha256}`."""

    sha256: Sha256
    bytes: int


class TrialRow(Response):
    """One training of one architecture."""

    trial: int
    seed: int
    accuracy: float
    per_class_accuracy: list[float | None]
    """By label; null for a class without test images."""
    correct: str
    """Which test images were right, in the order of `val`: base64 of one bit each, as `numpy.packbits` packs them."""
    grad_cam: GradCam | None
    """Null unless `explained_images` asked for it, and for networks without feature maps (ViT)."""
    losses: list[float | None]
    """Mean training loss of each epoch; null where it was not finite (the training diverged)."""
    seconds: float
    peak_bytes: int
    """Largest memory of the process that ran the trial, measured."""
    predicted_peak_bytes: int
    model: StoredModel | None = None
    """The network; null unless `keep_models` asked for it."""
    reused_from: JobId | None = None
    """The job that ran the trial, which may be gone: this one took its result. Null: it was run here."""


class EvaluationRow(Response):
    """All trials of one architecture on one arm. `std` is the population one (ddof 0), as the field reports.

    Progressive views make two rows for the arm `ladd` where the question was open; `recipe.views` tells them apart.
    `curve_epochs` makes a row for each number of epochs.
    """

    dataset: DatasetId
    arm: ShownArm
    architecture: ShownArchitecture
    trials: list[TrialRow]
    mean: float
    std: float
    ci95: list[float] | None
    """Student-t 95 % interval of the mean over trials; null for fewer than three trials."""
    labels: Literal["hard", "soft"]
    """Targets of the full images: classes, or the soft labels that the set was distilled with."""
    epochs: int
    steps: int
    """Optimizer steps of one trial."""
    forwards: int
    """Images and views passed forward in the training of one trial."""
    images_seen: int
    """Full images among them."""
    flops: int
    """Training FLOPs (1 MAC = 2) of all trials."""
    seconds: float
    """Of all trials, whichever job ran them."""
    recipe: dict[str, Any]
    """`arithmetic` is what the passes were computed in: number format (`tf32`: float32 with TF32 convolutions), layout,
    compiled, fused or not; `normalization` has the statistics of training images, test images and the labeler's;
    `labels_of` whose dense labels were taken, where labelers of several seeds wrote some. A list, by trial, stands in
    the place of a value that differed between trials (`micro_batch` on unlike machines)."""
    rule: Literal["last epoch"]
    in_summary: bool
    """False for a row of `sampled:1` in whose place a row of `full` is to be quoted, and for one of fewer epochs."""


class EvaluationSummary(Response):
    """k-CAE of one arm: the mean over k architectures of the mean over trials; +- is the mean of the stds."""

    dataset: DatasetId
    arm: ShownArm
    k: int
    architectures: list[ShownArchitecture]
    cae_mean: float
    cae_std: float


class Comparison(Response):
    """An arm minus the baseline of the same set, or another arm, in points, over all trials of both and the same test
    images.

    A set without that other arm is compared with that of the first set that has it.

    `ci95` covers trial noise and the choice of test images, `trials_ci95` trial noise alone; both, and the p values,
    are null where either side has fewer than three trials. The k-CAE is the primary comparison of an arm.
    """

    dataset: DatasetId
    arm: ShownArm
    minus: ShownArm = BASELINE
    """The other arm; not said in reports of earlier versions, where it is the baseline."""
    architecture: ShownArchitecture | None
    """Null: the k-CAE over all architectures of the arm."""
    difference: float
    ci95: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    """Of this difference alone: not adjusted for the other architectures."""
    trials_ci95: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    p_value: float | None = None
    """Two-sided, of this difference alone: below 0.05 where `ci95` leaves 0 out. Null, too, in reports of earlier
    versions."""
    adjusted_p: float | None = None
    """Of an architecture: adjusted by Holm's method for the other architectures of the arm and set. Of the k-CAE:
    `p_value`."""
    verdict: Verdict
    """`no evidence`: `adjusted_p` is above 0.05, though `ci95` of an architecture may leave 0 out. In reports of
    earlier versions, which adjusted nothing: `ci95` covers 0."""


class Evaluation(Response):
    """The result of an evaluation."""

    source_dataset: DatasetId
    test_images: int
    rows: list[EvaluationRow]
    summary: list[EvaluationSummary]
    comparisons: list[Comparison]
    """Of every arm with the baseline, and of `ladd` with `random_ladd` and `baseline_matched`, `ladd_best_lr` with
    `baseline_best_lr`, where both are there."""


class FlopCount(Response):
    """FLOPs with 1 MAC = 2. The paper's 0.002 PFLOPs is `labelling` alone."""

    labelling: int | None
    labeler_training: int | None
    deployment: int | None


class SweepPoint(Response):
    """One combination of a sweep and the label-augmented set it made, whose rows are in the evaluation."""

    dataset: DatasetId
    n: int
    ratio: float
    epoch: int
    labeler_val_accuracy: float | None
    """In percent, at this epoch; null for a labeler that was imported without."""
    labeler_mean_entropy: float | None
    """In nats, over the val split."""
    agreement: float
    """How often the labeler's class is the uploaded label, in percent."""
    overhead: float
    """Of the dense labels, zipped as the paper counts."""


class Figure(Response):
    """A figure of a report: `png` is its address, `data` the numbers that are drawn."""

    name: str
    title: str
    png: Link
    sha256: str
    data: dict[str, Any]


class PaperNumber(Response):
    """A number of the paper's tables where the report has its own: of one architecture, or a k-CAE.

    Reports of earlier versions have k-CAEs alone, of all their architectures, without what has a default here.
    """

    dataset: DatasetId
    arm: ShownArm
    cae_mean: float
    """In percent; the mean over trials where it is of one architecture."""
    source: str
    """Method, source set and images per class."""
    tables: list[str] = []
    """Where in the paper: all tables that print it."""
    architecture: ShownArchitecture | None = None
    """Null: the k-CAE over `architectures`."""
    architectures: list[ShownArchitecture] = []
    std: float | None = None
    """The paper's +-; null: it prints none."""
    difference: float | None = None
    """This report's mean over the same architectures minus the paper's, in points."""
    overhead: float | None = None
    """Bytes that the arm adds to those of the plain set by the paper's Table 1, as a fraction."""
    remark: str | None = None
    """In what the number is at odds with others of the paper, or what the paper calls it."""


class PaperClass(Response):
    """The accuracy in percent that the paper gives for one class of a set of the report."""

    dataset: DatasetId
    label: int
    arm: ShownArm
    accuracy: float
    source: str
    """Method, source set and images per class, and where in the paper."""


class RowTrials(Response):
    """How many of the trials planned for a row have ended."""

    dataset: DatasetId
    arm: ShownArm
    architecture: ShownArchitecture
    epochs: int | None
    """Of a point of a curve; null: those of the evaluation."""
    ended: int
    planned: int


class Report(Response):
    """`GET /v1/jobs/{id}/report`."""

    told_apart_by = ("job", "kind", "notes")

    job: JobId
    kind: str
    params: dict[str, Any]
    complete: bool = True
    """False for one of what a job has found so far, or had found when it was canceled or failed (`partial=true`)."""
    job_state: str | None = None
    """State of a job whose report is not complete."""
    trials: list[RowTrials] = []
    """Of a report that is not complete: by row, whether or not it is among those of the evaluation yet."""
    inputs: list[ReportInput] = []
    """Sets and labelers with their warnings, which come before any number; empty in reports of earlier versions."""
    evaluation: Evaluation | None
    labelling: Labelling | None
    storage: Storage | None
    flops: FlopCount
    cost: JobCost | None
    versions: dict[str, str]
    hardware: str
    notes: list[str]
    """Caveats that a reader must know before quoting a number."""
    figures: list[Figure]
    points: list[SweepPoint]
    """Of a sweep; empty for other kinds."""
    scores: list[Score] = []
    """Of each set whose arms suffice; empty in reports of earlier versions."""
    paper: list[PaperNumber]
    """Of every cell of its tables that is about what was measured here; empty unless the job's tag `paper` names the
    method and the set is one of the paper's."""
    paper_classes: list[PaperClass] = []
    """The classes that the paper calls hard to classify (section 4.4); empty for other sets than its own."""
