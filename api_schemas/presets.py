"""Presets: the paper's experiments as jobs, and what the paper reports of them."""

from typing import Annotated, Any

from api_schemas.base import Response
from api_schemas.datasets import NamedClassMap
from api_schemas.evaluation import ArmName
from api_schemas.jobs import JobKind
from api_schemas.registered import Registered
from method.paper import METHODS

PaperMethod = Annotated[
    str,
    Registered(
        "PaperMethod",
        METHODS,
        """\
The method that distilled the sets of the paper's tables, as the tag `paper` of a job names it.

The files of GLaD's three variants look alike, so nothing but the tag tells them apart.""",
    ),
]
"""One of `method.paper.METHODS`."""


class PaperResult(Response):
    """k-CAE in percent that the paper reports for the arms of one distilled set."""

    method: PaperMethod
    class_map: NamedClassMap
    resolution: int
    ipc: int
    k: int
    arms: dict[ArmName, float]
    source: str
    """Where in the paper."""


class Preset(Response):
    """One experiment of the paper: `params` replace a job's defaults, which are the paper's protocol.

    `evaluation.architectures`, which depend on the resolution of a set, are written out along with it.
    """

    name: str
    title: str
    kind: JobKind
    params: dict[str, Any]
    paper: list[PaperResult]
    """The paper's numbers, as far as they are known here."""


class PresetList(Response):
    """`GET /v1/presets`."""

    items: list[Preset]


class JobBody(Response):
    """A body for `POST /v1/jobs`, to be sent as it is or edited."""

    kind: JobKind
    params: dict[str, Any]
    tags: dict[str, str]
