"""Listings: lazy, page by page, typed."""

from ladd_client.pages import Listing, PageOf

PAGES: dict[str | None, tuple[list[int], str | None]] = {None: ([1, 2], "b"), "b": ([], "c"), "c": ([3], None)}


def listing(asked: list[str | None]) -> Listing[int]:
    def fetch(cursor: str | None) -> PageOf[int]:
        asked.append(cursor)
        items, next_cursor = PAGES[cursor]
        return PageOf[int].model_validate({"items": items, "next_cursor": next_cursor})

    return Listing(fetch)


def test_items_come_over_all_pages_and_pages_only_when_they_are_needed() -> None:
    asked: list[str | None] = []
    found = listing(asked)
    assert asked == []
    assert next(found) == 1
    assert asked == [None]
    assert list(found) == [2, 3]
    assert asked == [None, "b", "c"]
    assert next(found, None) is None


def test_a_page_leads_to_the_next_and_the_last_to_none() -> None:
    page: PageOf[int] | None = listing([]).page()
    seen = []
    while page is not None:
        seen.append((page.items, page.next_cursor))
        page = page.next()
    assert seen == list(PAGES.values())
    assert [page.items for page in listing([]).pages()] == [[1, 2], [], [3]]
    assert listing([]).page("c").items == [3]
