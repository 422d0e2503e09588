"""Settings of an evaluation and its report. Accuracies are in percent."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from api_schemas.base import DatasetId, JobId, Request, Response
from api_schemas.cost import JobCost
from api_schemas.labelers import Architecture, ShownArchitecture
from api_schemas.labelling import Labelling
from api_schemas.registered import Registered
from api_schemas.report_inputs import ReportInput
from method import views
from method.arms import ARMS, BASELINE, LADD
from method.augmentation import MixName
from method.precisions import PRECISIONS
from method.recipes import RECIPES, TRIALS, Optimizer

_ARM = Registered(
    "ArmName",
    ARMS,
    """\
One way to train: the seven rows of the paper's Table 6, and controls.

`baseline`: full images with hard labels; `full_`, `sub_`: full images, local views; `soft`, `hard`, `both`: with
what the labeler says of them, with the class, with the sum of both losses; `ladd`: `baseline` and `sub_soft`.
`baseline_best_lr`, a control: `baseline` at 1, 3, 10 and 30 times the recipe's learning rate, of which each trial
keeps the one that is best on images of the source set's train split.

Controls on other images: `random`: as `baseline`, on as many images of each class picked at random from the source
set's train split; `random_ladd`: as `ladd`, on those; `baseline_plus`: as `baseline`, on `plus_dataset`.

`online`, a ceiling: full images with what the labeler says of each as it is augmented, asked at every step.""",
)
ArmName = Annotated[str, _ARM]
"""A name of `method.arms`."""
ShownArm = Annotated[str, _ARM.shown()]

RecipeName = Annotated[
    str,
    Registered(
        "RecipeName",
        RECIPES,
        "Deployment protocols: GLaD's (the one the paper cites), MTT's and DATM's; RDED's and SRe2L's, which distil "
        "the labeler's answers at a temperature.",
    ),
]
"""A name of `method.recipes`."""

PrecisionName = Annotated[
    str,
    Registered(
        "PrecisionName",
        PRECISIONS,
        f"The arithmetic of a training. {'; '.join(f'`{each.name}`: {each.title}' for each in PRECISIONS.values())}.",
    ),
]
"""A name of `method.precisions`."""

LearningRate = Annotated[float, Field(gt=0, le=100)]
ViewPolicy = Annotated[str, StringConstraints(pattern=rf"^({views.POLICY}|{views.PROGRESSIVE})$")]


class RecipeOverrides(Request):
    """Fields of the recipe to replace; null keeps the recipe's own value."""

    lr: LearningRate | dict[Architecture, LearningRate] | None = None
    momentum: Annotated[float, Field(ge=0, lt=1)] | None = None
    weight_decay: Annotated[float, Field(ge=0, le=1)] | None = None
    epochs: Annotated[int, Field(ge=1, le=100_000)] | None = None
    batch_size: Annotated[int, Field(ge=1, le=65_536)] | None = None
    warmup_epochs: Annotated[int, Field(ge=0, le=100_000)] | None = None
    ema_beta: Annotated[float, Field(ge=0, lt=1)] | None = None
    """0 switches the averaged model off."""
    augmentation: str | None = None
    """Families of DSA joined by underscores, `resized_crop:A` (crops of at least A of the area, and a flip), `none`."""
    optimizer: Optimizer | None = None
    """`adamw` takes `momentum` for its beta 1; its beta 2 is 0.999."""
    temperature: Annotated[float, Field(ge=0, le=1_000)] | None = None
    """T of the divergence of the network's answers from the labeler's; 0: cross-entropy with them. Null: the recipe's,
    or that which goes with `mix`."""
    mix: MixName | None = None
    """Every image and view of a step with another of its kind."""
    views: ViewPolicy | None = None
    """`progressive`: `sampled:1` first, then `full` where that leaves open which arm is better."""
    reduction: Literal["sum", "mean"] | None = None
    precision: PrecisionName | None = None
    """Null: `published`."""
    deterministic: bool | None = None
    """True: the same training on the same kind of device has the same bits, at a price in speed on a GPU; on a CPU it
    has them anyway."""
    micro_batch: Annotated[int, Field(ge=1, le=65_536)] | None = None


class EvaluationSpec(Request):
    """The evaluation of one or more sets. Defaults are the paper's: five architectures, five trials, 1,000 epochs."""

    arms: Annotated[list[ArmName], Field(min_length=1, max_length=16)] = [BASELINE, LADD]
    architectures: Annotated[list[Architecture], Field(min_length=1, max_length=16)] | None = None
    """Null: the ConvNet that fits the resolution, AlexNet, VGG11, ResNet18, ViT."""
    trials: Annotated[int, Field(ge=1, le=100)] = TRIALS
    recipe: RecipeName = "glad"
    overrides: RecipeOverrides = RecipeOverrides()
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    explained_images: Annotated[int, Field(ge=0, le=16)] = 0
    """Test images, the first of each class in turn, whose Grad-CAM the first trial of every row keeps."""
    plus_dataset: DatasetId | None = None
    """The set of the arm `baseline_plus`: by the same method, with one image more of each class."""


class GradCam(Response):
    """Where a network finds the class of some test images: `maps` [images, h, w] in [0, 1], each to be stretched over
    its image. `images` are places in `val`, `classes` their labels.
    """

    images: list[int]
    classes: list[int]
    maps: list[list[list[float]]]


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


class EvaluationRow(Response):
    """All trials of one architecture on one arm. `std` is the population one (ddof 0), as the field reports.

    Progressive views make two rows for the arm `ladd` where the question was open; `recipe.views` tells them apart.
    """

    dataset: DatasetId
    arm: ShownArm
    architecture: ShownArchitecture
    trials: list[TrialRow]
    mean: float
    std: float
    ci95: list[float] | None
    """Student-t 95 % interval of the mean over trials; null for a single trial."""
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
    recipe: dict[str, Any]
    """`arithmetic` is what the passes were computed in: number format (`tf32`: float32 with TF32 convolutions), layout,
    compiled, fused or not. A list, by trial, in the place of a value that differed between trials (`micro_batch` on
    unlike machines)."""
    rule: Literal["last epoch"]
    in_summary: bool
    """False for a row of `sampled:1` in whose place a row of `full` is to be quoted."""


class EvaluationSummary(Response):
    """k-CAE of one arm: the mean over k architectures of the mean over trials; +- is the mean of the stds."""

    dataset: DatasetId
    arm: ShownArm
    k: int
    architectures: list[ShownArchitecture]
    cae_mean: float
    cae_std: float


class Comparison(Response):
    """An arm minus the baseline of the same set, in points, over the trials and test images that both have.

    A set without a baseline of its own is compared with that of the first set that has one.

    `ci95` covers trial noise and the choice of test images, `trials_ci95` trial noise alone.
    """

    dataset: DatasetId
    arm: ShownArm
    architecture: ShownArchitecture | None
    """Null: the k-CAE over all architectures of the arm."""
    difference: float
    ci95: Annotated[list[float], Field(min_length=2, max_length=2)]
    trials_ci95: Annotated[list[float], Field(min_length=2, max_length=2)]
    verdict: Literal["better", "worse", "no evidence"]
    """`no evidence`: `ci95` covers 0."""


class Evaluation(Response):
    """The result of an evaluation."""

    source_dataset: DatasetId
    test_images: int
    rows: list[EvaluationRow]
    summary: list[EvaluationSummary]
    comparisons: list[Comparison]
    """Of every arm with the baseline; empty without one, or with a single trial."""


class StorageCount(Response):
    """Bytes of the plain and the augmented set; `overhead` is a fraction of the plain bytes."""

    plain_bytes: int
    augmented_bytes: int
    overhead: float


class EncodingCost(Response):
    """The price of one encoding of the dense labels: zipped bytes, as fractions of the images, and its loss."""

    encoding: str
    bytes: int
    overhead_raw: float
    overhead_zipped: float
    overhead_jpeg: float
    """Against the images as JPEG files of quality 75."""
    kl: float
    """Mean over the views of KL(float32, decoded), in nats."""
    total_variation: float


class Storage(Response):
    """`paper`: zipped uint8 images, labels and float32 dense labels; `stored`: the archive, in `encoding`."""

    paper: StorageCount
    raw: StorageCount
    stored: StorageCount
    encoding: str
    full_labels_bytes: int
    """Bytes of the labeler's soft labels of the whole images, which the counts leave out."""
    encodings: list[EncodingCost]


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
    png: str
    sha256: str
    data: dict[str, Any]


class PaperNumber(Response):
    """The k-CAE that the paper reports where a summary of the report has its own."""

    dataset: DatasetId
    arm: ShownArm
    cae_mean: float
    source: str
    """Method, source set and images per class, and where in the paper."""


class Report(Response):
    """`GET /v1/jobs/{id}/report`."""

    told_apart_by = ("job", "kind", "notes")

    job: JobId
    kind: str
    params: dict[str, Any]
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
    paper: list[PaperNumber]
    """Empty unless the job's tag `paper` names a method and the set is one of the paper's."""
