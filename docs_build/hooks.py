"""The events of MkDocs: tables are made from the code, and pages of the repository that are linked to come along."""

import re
from collections.abc import Callable, Mapping

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs_build import api, commands, problems, settings
from docs_build.site import ROOT, linked, listing, place_of, relinked

MADE: Mapping[str, Callable[[], str]] = {
    "commands": commands.reference,
    "origins": problems.origins,
    "problems": problems.codes,
    "routes": api.routes,
    "schemas": api.schemas,
    "settings of the client": settings.client_settings,
    "settings of the service": settings.service_settings,
}
"""What stands in the place of `<!-- made: NAME -->` in a page."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what the pages link to outside of `docs/`, and a listing for each folder without a page that they link to."""
    waiting = list(files.documentation_pages())
    while waiting:
        page = waiting.pop()
        for path in linked(page.src_uri, page.content_string):
            place = place_of(path)
            # What is not there is left for MkDocs to refuse.
            if files.get_file_from_path(place) is None and (ROOT / path).exists():
                files.append(added := _file(path, place, config))
                if added.is_documentation_page():
                    waiting.append(added)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put in the tables that are made, and lead links to their places in the site."""
    return relinked(page.file.src_uri, filled(markdown))


def filled(markdown: str) -> str:
    """Return a page with the tables in the places of its marks."""
    return re.sub(r"<!-- made: (.+?) -->", lambda mark: MADE[mark[1]](), markdown)


def _file(path: str, place: str, config: MkDocsConfig) -> File:
    if place.endswith("/index.md"):
        return File.generated(config, place, content=listing(path))
    source = ROOT / path
    return File.generated(config, place, abs_src_path=str(source / "README.md" if source.is_dir() else source))
