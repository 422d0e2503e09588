"""A report as one page of HTML, without scripts."""

import json
from collections.abc import Sequence
from html import escape

from api_schemas.evaluation import Report
from service.http.renderings.tables import Table, tables

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; color: #1c2024 }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin-top: 2rem }
table { border-collapse: collapse } th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #dde1e6 }
th:first-child, td:first-child { text-align: left } th { font-weight: 600; background: #f4f6f8 }
figure { display: inline-block; margin: 1rem 1rem 0 0 } figure img { max-width: 30rem }
.paper { color: #8a929a }
footer, figcaption { color: #60686f; font-size: .85rem } pre { background: #f4f6f8; padding: .8rem; overflow: auto }
"""


def render(report: Report) -> str:
    """Return tables, figures, what a reader must know, and the parameters."""
    title = escape(f"Report of {report.job} ({report.kind})")
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    figures = "".join(
        f'<figure><img src="{escape(figure.png)}" alt="{escape(figure.title)}">'
        f"<figcaption>{escape(figure.title)}</figcaption></figure>"
        for figure in report.figures
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    params = escape(json.dumps(report.params, indent=1))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"</head><body><h1>{title}</h1>{''.join(map(_table, tables(report)))}{figures}"
        f"<h2>What to know before quoting</h2><ul>{notes}</ul>"
        f"<details><summary>Parameters</summary><pre>{params}</pre></details>"
        f"<footer><p>{escape(f'{report.hardware}; {versions}')}</p></footer></body></html>\n"
    )


def _table(table: Table) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        muted = [' class="paper"' if column == table.muted else "" for column in range(len(cells))]
        shown = (f"<{tag}{style}>{escape(cell)}</{tag}>" for cell, style in zip(cells, muted, strict=True))
        return "<tr>" + "".join(shown) + "</tr>"

    head, rows = line(table.header, "th"), "".join(line(cells, "td") for cells in table.rows)
    return f"<h2>{escape(table.title)}</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table>"
