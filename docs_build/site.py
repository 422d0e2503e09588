"""Places in the site: pages of `docs/` as they lie; what else they link to in the repository below `repository/`."""

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, join, normpath, relpath

ROOT = Path(__file__).parents[1]
DOCS = "docs/"
ELSEWHERE = "repository/"
LINK = re.compile(r"(?<=\]\()(?P<path>[^)#\s:]+)(?P<anchor>#[^)\s]*)?(?=\))")


def place_of(path: str) -> str:
    """Return the place of a file of the repository, or of the page that stands for a folder."""
    if (ROOT / path).is_dir():
        return place_of(f"{path}/README.md" if (ROOT / path / "README.md").exists() else f"{path}/index.md")
    return path.removeprefix(DOCS) if path.startswith(DOCS) else ELSEWHERE + path


def path_of(place: str) -> str:
    """Return the path in the repository of what stands at a place."""
    return place.removeprefix(ELSEWHERE) if place.startswith(ELSEWHERE) else DOCS + place


def linked(place: str, markdown: str) -> Iterator[str]:
    """Yield the paths in the repository that the links of a page lead to."""
    for link in LINK.finditer(markdown):
        yield _target(place, link)


def relinked(place: str, markdown: str) -> str:
    """Return a page with links that lead to the places of what it names."""

    def replace(link: re.Match[str]) -> str:
        return relpath(place_of(_target(place, link)), dirname(place) or ".") + (link["anchor"] or "")

    return LINK.sub(replace, markdown)


def listing(folder: str) -> str:
    """Return a page with the pages of a folder by their titles."""
    pages = sorted((ROOT / folder).glob("*.md"))
    titles = [page.read_text(encoding="utf-8").splitlines()[0].lstrip("# ") for page in pages]
    entries = [f"- [{title}]({page.name})" for title, page in zip(titles, pages, strict=True)]
    return "\n".join([f"# {Path(folder).name.capitalize()}", "", *entries, ""])


def _target(place: str, link: re.Match[str]) -> str:
    return normpath(join(dirname(path_of(place)), link["path"]))
