"""A report as one page of HTML, without scripts, that needs nothing beside it: figures are in the page."""

import json
from base64 import b64encode
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from api_schemas.evaluation import Report
from api_schemas.report_summary import headline, input_warnings, other_notes
from api_schemas.report_tables import ran_on, tables
from service.http.charts.of_report import charts_of, other_figures
from service.http.renderings.picture import Picture

TEMPLATES = Environment(
    loader=PackageLoader("service.http"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
"""Templates whose fields are escaped, and in which a name that is not given is an error."""

STYLE = Markup(
    (files("service.http.pages") / "static" / "charts.css").read_text()
    + """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem;
  background: var(--surface); color: var(--ink) }
h1, h2 { overflow-wrap: anywhere } h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin-top: 2rem }
table { border-collapse: collapse } th, td { padding: .3rem .8rem; text-align: right }
th, td { border-bottom: 1px solid var(--line) }
th:first-child, td:first-child { text-align: left } th { font-weight: 600; background: var(--raised) }
@media (max-width: 48rem) { table { display: block; overflow-x: auto; white-space: nowrap } }
figure { display: inline-block; margin: 1rem 1rem 0 0; max-width: 100% } figure img { max-width: min(30rem, 100%) }
.paper { color: var(--soft) } .result { font-size: 1.15rem }
.warnings { background: var(--raised); border-left: 4px solid var(--warn); margin: 1rem 0 }
.warnings { padding: .6rem 1rem .6rem 2rem }
@media print { body { margin: 0; max-width: none } table, figure { break-inside: avoid } details { display: none } }
footer, figcaption { color: var(--soft); font-size: .85rem }
pre { background: var(--raised); padding: .8rem; overflow: auto }
"""
)
"""Of the page's colours and charts, and of what is here alone."""


def render(report: Report, picture: Picture) -> str:
    """Return warnings and the result, tables, figures, what a reader must know, and the parameters."""
    return TEMPLATES.get_template("report.html").render(
        report=report,
        notes=other_notes(report),
        charts=charts_of(report),
        figures=other_figures(report),
        pictures={figure.name: b64encode(picture(figure)).decode() for figure in other_figures(report)},
        warnings=input_warnings(report),
        result=headline(report),
        tables=tables(report),
        params=json.dumps(report.params, indent=1),
        ran_on=ran_on(report),
        style=STYLE,
    )
