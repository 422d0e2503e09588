"""Every code of a problem, with its status and what to do."""

from api_schemas.problems import ErrorCode, ErrorOrigin
from docs_build.attribute_docs import attribute_docs
from docs_build.markdown import code, prose, table
from service.http.problems import STATUS


def codes() -> str:
    """Return the table of codes; those without a status are of tasks alone."""
    docs = attribute_docs(ErrorCode)
    rows = [[code(each), str(STATUS.get(each, "")), prose(docs.get(each.name, ""))] for each in ErrorCode]
    return table(["code", "status", ""], rows)


def origins() -> str:
    """Return the table of the parties that can do something about a failed task."""
    docs = attribute_docs(ErrorOrigin)
    return table(["origin", ""], [[code(each), prose(docs.get(each.name, ""))] for each in ErrorOrigin])
