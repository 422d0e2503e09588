"""Tables and reports as plain text: what the CLI and the demo print."""

from collections.abc import Sequence

from api_schemas.evaluation import Report
from api_schemas.report_summary import headline, input_warnings, other_notes
from api_schemas.report_tables import Table, ran_on, tables


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns padded to their widest cell, the first to the left and the others to the right, under a rule."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), "  ".join("-" * width for width in widths), *map(line, rows)])


def report_text(report: Report) -> str:
    """A report: warnings and the result first, what was measured, on what, and what to know before quoting a number."""
    head = "\n".join([*(f"warning: {warning}" for warning in input_warnings(report)), headline(report) or ""]).strip()
    footer = "\n".join([ran_on(report), *(f"note: {note}" for note in other_notes(report))])
    return "\n\n".join(block for block in (head, tables_text(tables(report, intervals=False)), footer) if block)


def tables_text(found: Sequence[Table]) -> str:
    """Tables below one another, each under its title."""
    return "\n\n".join(f"{table.title}\n{text_table(table.header, table.rows)}" for table in found)
