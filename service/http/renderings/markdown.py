"""A report as Markdown."""

import json

from api_schemas.evaluation import Report
from api_schemas.report_tables import Table, ran_on, tables


def render(report: Report) -> str:
    """Return tables, figures, what a reader must know, and the parameters."""
    blocks = [
        f"# Report of {report.job} ({report.kind})",
        *(_table(table) for table in tables(report)),
        *(f"![{figure.title}]({figure.png})" for figure in report.figures),
        "\n".join(f"- {note}" for note in [*report.notes, ran_on(report)]),
        "```json\n" + json.dumps(report.params, indent=1) + "\n```",
    ]
    return "\n\n".join(blocks) + "\n"


def _table(table: Table) -> str:
    lines = [table.header, ["---", *("---:" for _ in table.header[1:])], *table.rows]
    return "\n".join([f"## {table.title}", "", *(f"| {' | '.join(cells)} |" for cells in lines)])
