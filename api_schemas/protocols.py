"""A protocol by its name, in the place of the defaults of a job."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import model_validator

from api_schemas.base import Request
from api_schemas.registered import Registered
from method.protocols import PAPER, PROTOCOLS, Protocol

ProtocolName = Annotated[
    str,
    Registered(
        "ProtocolName",
        PROTOCOLS,
        "Defaults of a whole job; what the request gives itself comes before them. "
        + "; ".join(f"`{each.name}`: {each.title}" for each in PROTOCOLS.values()),
    ),
]
"""A name of `method.protocols`."""


class ByProtocol(Request):
    """Params whose defaults are those of a protocol."""

    protocol: ProtocolName = PAPER
    at_top: ClassVar[bool] = False
    """Whether the fields of the evaluation are the params' own."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, sent: Any) -> Any:
        found = PROTOCOLS.get(sent.get("protocol", PAPER)) if isinstance(sent, dict) and _named(sent) else None
        return sent if found is None else _below(sent, found.evaluation if cls.at_top else _parts(found, sent))


def _named(sent: Mapping[str, Any]) -> bool:
    return isinstance(sent.get("protocol", PAPER), str)


def _parts(protocol: Protocol, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of a job with parts: without those of a labeler that is named, which has its recipe."""
    labeler = sent.get("labeler", {})
    trained = isinstance(labeler, dict) and "ensemble" not in labeler
    parts = {"labeler": protocol.labeler if trained else None, "evaluation": protocol.evaluation}
    return {name: part for name, part in parts.items() if part}


_ALSO_CALLED = {"reduction": "view_weight", "view_weight": "reduction"}
"""Another name of the same setting: what is sent under one takes the place of a default under the other."""


def _below(sent: Any, defaults: Any) -> Any:
    """Return what was sent, and of the defaults what was not."""
    if not isinstance(sent, dict) or not isinstance(defaults, Mapping):
        return sent
    kept = {name: default for name, default in defaults.items() if sent.get(_ALSO_CALLED.get(name)) is None}
    return {**kept, **{name: _below(value, defaults.get(name)) for name, value in sent.items()}}
