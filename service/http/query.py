"""Query parameters that a route does not have are refused, as fields are that a body does not have."""

from collections.abc import Iterator
from difflib import get_close_matches

from fastapi.dependencies.models import Dependant
from starlette.requests import Request

from api_schemas.problems import ErrorCode
from service.core.foundation.errors import ServiceError, reason


async def refuse_unknown_query(request: Request) -> None:
    """Raise ServiceError INVALID_REQUEST naming each query parameter that the route does not take."""
    known = set(_names(request.scope["route"].dependant))
    reasons = []
    for name in dict.fromkeys(request.query_params):
        if name not in known:
            similar = get_close_matches(name, known, n=1)
            hint = f"; did you mean {similar[0]}?" if similar else f"; it takes {', '.join(sorted(known)) or 'none'}"
            message = f"{request.url.path} has no query parameter {name}{hint}"
            reasons.append(reason(f"query.{name}", "known_parameter", request.query_params[name], message))
    if reasons:
        raise ServiceError(ErrorCode.INVALID_REQUEST, "; ".join(each.message for each in reasons), reasons)


def _names(dependant: Dependant) -> Iterator[str]:
    yield from (parameter.alias for parameter in dependant.query_params)
    for dependency in dependant.dependencies:
        yield from _names(dependency)
