"""A report as Markdown."""

import json

from api_schemas.evaluation import Report
from api_schemas.report_summary import headline, input_warnings, other_notes
from api_schemas.report_tables import ran_on, tables
from api_schemas.table import Table
from service.http.renderings.picture import Picture


def render(report: Report, picture: Picture) -> str:
    """Return warnings and the result, tables, figures, what a reader must know, and the parameters.

    Figures are named relative to the address of the report, as they may lie beside it on a disk.
    """
    warnings, result = input_warnings(report), headline(report)
    blocks = [
        f"# Report of {report.job} ({report.kind})",
        *(["\n".join(f"- **Warning:** {warning}" for warning in warnings)] if warnings else []),
        *([f"**{result}**"] if result else []),
        *(_table(table) for table in tables(report)),
        *(f"![{figure.title}](figures/{figure.name}.png)" for figure in report.figures),
        "\n".join(f"- {note}" for note in [*other_notes(report), ran_on(report)]),
        "```json\n" + json.dumps(report.params, indent=1) + "\n```",
    ]
    return "\n\n".join(blocks) + "\n"


def _table(table: Table) -> str:
    # Names of classes are a user's, and may hold what ends a cell.
    rows = [[" ".join(cell.replace("|", "\\|").split()) for cell in cells] for cells in table.rows]
    lines = [table.header, ["---", *("---:" for _ in table.header[1:])], *rows]
    return "\n".join([f"## {table.title}", "", *(f"| {' | '.join(cells)} |" for cells in lines)])
