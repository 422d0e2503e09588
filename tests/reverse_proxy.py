"""A small reverse proxy: what nginx does by the configuration in docs/operations.md, in this process."""

import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

TOO_LARGE = (
    "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n<center><h1>413 Request Entity "
    "Too Large</h1></center>\r\n<hr><center>nginx/1.27.0</center>\r\n</body>\r\n</html>\r\n"
)
"""As nginx answers."""
OF_A_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "server", "date")


@contextmanager
def reverse_proxy(
    upstream: str, prefix: str, headers: Mapping[str, str], *, cuts: bool = True, most_bytes: int = 1 << 30
) -> Iterator[str]:
    """Offer `upstream` below `prefix` of the address that is yielded, and send it `headers` in the place of others.

    The prefix is cut off, or passed on; a body above `most_bytes` is refused in HTML.
    """
    app = _forwarding(upstream, prefix, headers, cuts, most_bytes)
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1, server_header=False)
    )
    thread = threading.Thread(target=server.run, name="proxy")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the proxy stopped while starting"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def _forwarding(upstream: str, prefix: str, headers: Mapping[str, str], cuts: bool, most_bytes: int) -> Starlette:

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
        async with httpx.AsyncClient(base_url=upstream, timeout=30, trust_env=False) as client:
            yield {"client": client}

    async def forward(request: Request) -> Response:
        if int(request.headers.get("Content-Length", "0")) > most_bytes:
            return HTMLResponse(TOO_LARGE, 413, {"Server": "nginx/1.27.0", "Connection": "close"})
        client: httpx.AsyncClient = request.state.client
        path = request.url.path.removeprefix(prefix) if cuts else request.url.path
        sent = {name: value for name, value in request.headers.items() if name not in ("host", "connection")}
        url = httpx.URL(path=path or "/", query=request.url.query.encode())
        asked = client.build_request(
            request.method,
            url,
            headers=sent | {name.lower(): value for name, value in headers.items()},
            content=request.stream(),
        )
        answer = await client.send(asked, stream=True)
        kept = {name: value for name, value in answer.headers.items() if name not in OF_A_HOP}
        return StreamingResponse(answer.aiter_raw(), answer.status_code, kept)

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    routes = [Route(prefix + rest, forward, methods=methods) for rest in ("", "/{path:path}")]
    return Starlette(routes=routes, lifespan=lifespan)
