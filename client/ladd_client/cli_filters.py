"""The options that `ladd jobs`, `ladd datasets` and `ladd labelers` have in common."""

from datetime import datetime
from typing import Annotated

import typer

MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]

NameOption = Annotated[str | None, typer.Option(help="Words of the name, or beginnings of words.")]
AfterOption = Annotated[
    datetime | None, typer.Option(formats=MOMENTS, help="Made from then on; without a zone, local time.")
]
BeforeOption = Annotated[datetime | None, typer.Option(formats=MOMENTS, help="Made before then.")]
STATES_HELP = "Repeat for any of several."
