"""`/docs`: the OpenAPI document as a page, whose one inline script is allowed by its digest."""

import re

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse

from service.core.foundation.settings import Settings
from service.http.security_headers import inline_source, page_policy, storage_origin

PATH = "/docs"
FILES = "/static-offline-docs/"
"""Where `fastapi-offline` serves the scripts and styles from."""


def install(app: FastAPI, settings: Settings) -> None:
    """Add the page to `app`, which brings the files along."""
    page = bytes(
        get_swagger_ui_html(
            openapi_url=str(app.openapi_url),
            title=app.title,
            swagger_js_url=f"{FILES}swagger-ui-bundle.js",
            swagger_css_url=f"{FILES}swagger-ui.css",
            swagger_favicon_url=f"{FILES}favicon.png",
        ).body
    )
    (script,) = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    # Swagger UI styles its elements as it makes them.
    policy = page_policy(
        script=f"'self' {inline_source(script)}",
        style="'self' 'unsafe-inline'",
        img="'self' data:",
        connect=f"'self' {storage_origin(settings)}",
    )
    app.add_api_route(PATH, lambda: HTMLResponse(page, headers=policy), include_in_schema=False)
