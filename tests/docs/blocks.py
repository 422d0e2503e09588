"""Every fenced block of the docs, with the page and line it stands at."""

import re
import subprocess
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORDS = ("benchmarks/results/", "CHANGELOG.md")
"""Pages that tell of the past."""

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>.*)\n(?P<text>(?:.*\n)*?)(?P=indent)```$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code: `line` is the first of its text, `language` what stands behind its fence."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@cache
def pages() -> tuple[str, ...]:
    """Return the paths of all pages of the repository but the records."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return tuple(
        page for page in sorted(listed.stdout.split()) if not page.startswith(RECORDS) and (ROOT / page).exists()
    )


@cache
def blocks(*languages: str) -> tuple[Block, ...]:
    """Return the blocks in one of these languages, all where none is named."""
    found = (block for page in pages() for block in blocks_of(page, (ROOT / page).read_text(encoding="utf-8")))
    return tuple(block for block in found if not languages or block.language in languages)


def blocks_of(page: str, content: str) -> list[Block]:
    """Return the blocks of a page; fails where a fence has no end."""
    found = [
        Block(page, content.count("\n", 0, fence.start()) + 2, fence["language"], textwrap.dedent(fence["text"]))
        for fence in FENCE.finditer(content)
    ]
    assert 2 * len(found) == len(re.findall(r"^ *```", content, re.MULTILINE)), f"{page}: a fence without its end"
    return found
