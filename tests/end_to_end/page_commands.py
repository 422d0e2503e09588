"""The commands of a page, run against a stack."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from stack.running import Stack
from tests.docs.blocks import ROOT, Block
from tests.docs.shell import Typed, typed


class PageCommands:
    """Runs the commands of blocks one after the other, each with the ids that were met in the place of the page's.

    `made`: matches the id of what a command makes, in what the page shows and in what is answered.
    """

    def __init__(self, blocks: Sequence[Block], stack: Stack, folder: Path, made: str) -> None:
        commands = [command for block in blocks for command in typed(block)]
        self._left = [command for command in commands if not command.text.startswith("export ")]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        local = {"LADD_URL": stack.url, "no_proxy": "127.0.0.1", "OUT": str(folder)}
        self._environment = {**os.environ, **local, "PATH": path}
        self._made = re.compile(made, re.MULTILINE)
        self._ids: dict[str, str] = {}

    @property
    def following(self) -> Typed:
        """The command whose turn it is."""
        return self._left[0]

    def run(self, wanted: str, more: str = "") -> str:
        """Run the next command, which must have the first text in it, with more behind it; returns what it prints."""
        command = self._left.pop(0)
        text = command.text
        assert wanted in text
        for written, met in self._ids.items():
            text = text.replace(written, met)
        # In a folder of its own for what is written; what is read are files of the project.
        text = text.replace("-o archive.zip", '-o "$OUT/archive.zip"')
        answer = subprocess.run(
            ["bash", "-c", text + more],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=1800,
        ).stdout
        if (shown := self._made.search(command.shown)) and (found := self._made.search(answer)):
            self._ids[shown[1]] = found[1]
        return answer

    def met(self, written: str, found: str) -> None:
        """Note the id that stands for one of the page's."""
        self._ids[written] = found
