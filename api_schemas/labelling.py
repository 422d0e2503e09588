"""The labelers of a labelling, and how their classes agree with the uploaded labels."""

from api_schemas.base import DatasetId, LabelerId, Response


class CheckpointCandidate(Response):
    """A kept epoch as it was judged: mean cross-entropy (nats) on held-out views at this temperature."""

    epoch: int
    temperature: float
    cross_entropy: float


class UsedLabeler(Response):
    """One labeler, or one member of an ensemble. `candidates` are null unless epoch or temperature were `auto`."""

    labeler: LabelerId
    epoch: int
    temperature: float
    held_out_images: int | None
    """Images of `source.train`, none trained on, with one view each, that the candidates were judged on."""
    candidates: list[CheckpointCandidate] | None


class LabelAgreement(Response):
    """How often the labeler's class of an image (highest mean over its views) is the uploaded label, in percent."""

    images: int
    agreement: float
    by_class: list[float | None]
    """By uploaded label; null for a class without images."""
    confusion: list[list[int]] | None
    """Images by uploaded label (row) and the labeler's class (column); null beyond 100 classes."""
    permutation: list[int] | None
    """The labeler's class for each uploaded label, where that agrees clearly better. It is never applied."""
    permuted_agreement: float | None


class ExampleAnswers(Response):
    """The probabilities that a labeler gives one whole image at each epoch that it keeps, as in the paper's Figure 5b.

    `probabilities` [epochs, classes] are of at most ten `classes` (labels, in order): that of the image, and those with
    the highest mean over the epochs.
    """

    image: int
    label: int
    classes: list[int]
    epochs: list[int]
    probabilities: list[list[float]]


class Labelling(Response):
    """How dense labels were made."""

    labelers: list[UsedLabeler]
    agreement: LabelAgreement
    warnings: list[str]
    reused_from: DatasetId | None = None
    """The set whose dense labels these are: they were written before in the same way. Null: they were made anew."""
    example: ExampleAnswers | None = None
    """Null for several labelers, one that keeps a single epoch, and labels of earlier versions. Labels that were
    written before bring the answers of the labeler that wrote them."""
