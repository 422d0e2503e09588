"""Tables and reports as plain text: what the CLI and the demo print."""

from collections.abc import Sequence

from api_schemas.evaluation import Report
from api_schemas.report_summary import headline, input_warnings, other_notes
from api_schemas.report_tables import ran_on, tables
from api_schemas.table import Table


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns padded to their widest cell, the first to the left and the others to the right, under a rule."""
    header, rows = list(map(_in_one_line, header)), [list(map(_in_one_line, row)) for row in rows]
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), "  ".join("-" * width for width in widths), *map(line, rows)])


def printable(text: str) -> str:
    """Text of others as a terminal may show it: what is neither printed nor the end of a line is escaped.

    A name, or the message of a failure, could else move the cursor, colour what follows or set the window's title.
    """
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)


def _in_one_line(cell: str) -> str:
    return printable(cell).replace("\n", "\\n")


def report_text(report: Report) -> str:
    """A report: warnings and the result first, what was measured, on what, and what to know before quoting a number."""
    head = "\n".join([*(f"warning: {warning}" for warning in input_warnings(report)), headline(report) or ""]).strip()
    footer = "\n".join([ran_on(report), *(f"note: {note}" for note in other_notes(report))])
    blocks = (printable(head), tables_text(tables(report, intervals=False)), printable(footer))
    return "\n\n".join(block for block in blocks if block)


def tables_text(found: Sequence[Table]) -> str:
    """Tables below one another, each under its title."""
    return "\n\n".join(f"{printable(table.title)}\n{text_table(table.header, table.rows)}" for table in found)
