"""`/docs`: the OpenAPI document as a page, whose one inline script is allowed by its digest."""

import re

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from service.core.foundation.settings import Settings
from service.http import openapi
from service.http.security_headers import inline_source, page_policy, storage_origin

PATH = "/docs"
FILES = "/static-offline-docs/"
"""Scripts and styles, which FastAPI alone has the browser fetch from elsewhere."""


def install(app: FastAPI, settings: Settings) -> None:
    """Add the page and the files that it consists of to `app`."""
    app.mount(FILES, StaticFiles(packages=[("fastapi_offline", "static")]))
    # Relative to the page, so that it works below whatever prefix a proxy offers it at.
    files = FILES.removeprefix("/")
    page = bytes(
        get_swagger_ui_html(
            openapi_url=openapi.PATH.removeprefix("/"),
            title=app.title,
            swagger_js_url=f"{files}swagger-ui-bundle.js",
            swagger_css_url=f"{files}swagger-ui.css",
            swagger_favicon_url=f"{files}favicon.png",
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
