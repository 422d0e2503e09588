"""Listings: every item as it is asked for, or page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from pydantic import PrivateAttr

from api_schemas.base import Page
from ladd_client import as_html

Item = TypeVar("Item")


class PageOf(Page, Generic[Item]):
    """One page of a listing. `next()` fetches the one behind it."""

    items: list[Item]
    _fetch: Callable[[str | None], PageOf[Item]] | None = PrivateAttr(default=None)

    def next(self) -> PageOf[Item] | None:
        """Return the next page, None behind the last."""
        return None if self._fetch is None or self.next_cursor is None else self._fetch(self.next_cursor)

    def _repr_html_(self) -> str:
        return as_html.items_html(self.items)


class Listing(Iterator[Item]):
    """Every item of a listing, newest first. Nothing is fetched before the first is asked for."""

    def __init__(self, fetch: Callable[[str | None], PageOf[Item]]) -> None:
        self._fetch = fetch
        self._items = (item for page in self.pages() for item in page.items)

    def __next__(self) -> Item:
        return next(self._items)

    def page(self, cursor: str | None = None) -> PageOf[Item]:
        """Fetch the first page, or the one at a cursor: `next_cursor` of the page before."""
        page = self._fetch(cursor)
        page._fetch = self.page
        return page

    def pages(self) -> Iterator[PageOf[Item]]:
        """Fetch page after page."""
        page = self.page()
        yield page
        while page.next_cursor is not None:
            page = self.page(page.next_cursor)
            yield page
