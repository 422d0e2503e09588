"""Pages of listings: each says where the next one is, in its body and as `Link` (RFC 8288)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api_schemas.base import Page, PageLinks
from api_schemas.links import link

PAGE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page",
        "headers": {
            "Link": {
                "description": 'The next page, `<...>; rel="next"`, unless this is the last.',
                "schema": {"type": "string"},
            }
        },
    }
}
"""A page in OpenAPI."""


def paged(request: Request, page: Page, cursor: str = "cursor") -> Response:
    """Answer with a page of the listing that `request` asked for, whose parameter `cursor` says where one begins."""
    if page.next_cursor is None:
        return Response(page.model_dump_json(), media_type="application/json")
    query = request.url.remove_query_params(cursor).include_query_params(**{cursor: page.next_cursor}).query
    here = f"{request.scope['path']}?{query}"
    linked = page.model_copy(update={"links": PageLinks(next=here)})
    headers = {"Link": f'<{link(here)}>; rel="next"'}
    return Response(linked.model_dump_json(), headers=headers, media_type="application/json")
