"""Puts the rooms of the repository that the client is built on into its wheel."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOMS = ("api_schemas", "method")


class Rooms(BuildHookInterface[Any]):
    """They lie beside this folder in the repository, and in it in a source distribution."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """An editable installation finds them where they are: `dev-mode-dirs`."""
        if version != "editable":
            here = Path(self.root)
            base = here if (here / ROOMS[0]).is_dir() else here.parent
            build_data["force_include"].update({str(base / room): room for room in ROOMS})
