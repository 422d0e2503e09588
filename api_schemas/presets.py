"""Presets: the paper's experiments as jobs, and what the paper reports of them."""

from typing import Annotated, Any

from api_schemas.arms import ShownArm
from api_schemas.base import Response
from api_schemas.jobs import JobKind
from api_schemas.labelers import ShownArchitecture
from api_schemas.registered import Registered
from method.paper import METHODS

_METHOD = Registered(
    "PaperMethod",
    METHODS,
    """\
The method that distilled the sets of the paper's tables, as the tag `paper` of a job names it.

The files of GLaD's three variants look alike, so nothing but the tag tells them apart.""",
)
PaperMethod = Annotated[str, _METHOD]
"""One of `method.paper.METHODS`."""
ShownPaperMethod = Annotated[str, _METHOD.shown()]


class PaperResult(Response):
    """Accuracies in percent that the paper reports for the arms of one distilled set, over the same networks."""

    method: ShownPaperMethod
    class_map: str
    """The source set: a `NamedClassMap`, or `imagenet` for all 1,000 classes."""
    resolution: int | None
    """In pixels; null: the paper does not tell."""
    ipc: int
    k: int
    """How many networks are averaged; 1: a single one."""
    architectures: list[ShownArchitecture]
    arms: dict[ShownArm, float]
    stds: dict[ShownArm, float]
    """The mean over the networks of the standard deviations over five trials; empty where the paper has none."""
    remarks: list[str]
    """In what the numbers are at odds with others of the paper, or what the paper calls them."""
    source: str
    """Where in the paper."""


class PaperClaim(Response):
    """A number of the paper's text."""

    section: str
    claim: str
    value: float
    unit: str
    recomputed: float | None
    """The same by the paper's other numbers or in closed form; null: they do not give it."""
    remark: str | None


class PaperSets(Response):
    """The sets of an experiment. A job on another set can be made as well, and a note in it says so."""

    class_maps: list[str]
    """The source sets: `NamedClassMap`s, or `imagenet` for all 1,000 classes."""
    resolution: int | None
    """In pixels; null: the paper does not tell."""
    ipc: list[int]
    """Images per class; empty: the paper does not tell."""


class Preset(Response):
    """One experiment of the paper: `params` replace a job's defaults, which are the paper's protocol.

    `evaluation.architectures`, which depend on the resolution of a set, are written out along with it.
    """

    name: str
    title: str
    kind: JobKind
    params: dict[str, Any]
    paper: list[PaperResult]
    """The numbers of the paper's table."""
    claims: list[PaperClaim]
    """Numbers of the paper's text about the table or figure."""
    sets: PaperSets | None
    """Null: no experiment of the paper."""


class PresetList(Response):
    """`GET /v1/presets`."""

    items: list[Preset]


class JobBody(Response):
    """A body for `POST /v1/jobs`, to be sent as it is or edited."""

    kind: JobKind
    params: dict[str, Any]
    tags: dict[str, str]
