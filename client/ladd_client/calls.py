"""What every call of the client is made of: a request, and an answer read as a model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel

from ladd_client.errors import AnswerError, ProblemError
from ladd_client.form import ProgressCallback, form
from ladd_client.pages import Listing
from ladd_client.part_uploads import PartUploads
from ladd_client.transport import Transport, parsed

Model = TypeVar("Model", bound=BaseModel)


class Calls:
    """Requests and their answers."""

    _transport: Transport
    _uploads: PartUploads
    _in_parts_above: int

    def _send(
        self, url: str, metadata: BaseModel, files: Sequence[Path], on_progress: ProgressCallback | None
    ) -> httpx.Response:
        """Send files with what describes them: in one form, or each in parts where one of them is large.

        In parts, too, where a proxy takes no form of that size.
        """
        sizes = [path.stat().st_size for path in files]
        # There is no part without bytes; the form takes an empty file along.
        divisible = min(sizes, default=0) > 0
        if max(sizes, default=0) <= self._in_parts_above or not divisible:
            try:
                with form(metadata.model_dump_json(exclude_unset=True), files, on_progress) as parts:
                    return self._transport.request("POST", url, repeatable=True, files=parts)
            except (AnswerError, ProblemError) as error:
                if error.status != 413 or not divisible:
                    raise
        ids = self._uploads.send(files, on_progress)
        body = metadata.model_dump(mode="json", exclude_unset=True) | {"upload_ids": ids}
        response = self._transport.request("POST", url, repeatable=True, json=body)
        self._uploads.forget(files)
        return response

    def _get(self, model: type[Model], url: str, query: dict[str, Any] | None = None) -> Model:
        given = {name: value for name, value in (query or {}).items() if value}
        return self._parsed(model, self._transport.request("GET", url, repeatable=True, params=given))

    def _parsed(self, model: type[Model], response: httpx.Response) -> Model:
        """Read an answer; a handle in it is bound to this client."""
        return parsed(model, response, {"client": self})

    def _items(self, page_model: type[Any], url: str, filters: dict[str, Any]) -> Listing[Any]:
        return Listing(lambda cursor: self._get(page_model, url, filters | {"cursor": cursor}))
