"""A report as one page of HTML, without scripts, that needs nothing beside it: figures are in the page."""

import json
from base64 import b64encode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from api_schemas.evaluation import Report
from api_schemas.report_summary import headline, input_warnings, other_notes
from api_schemas.report_tables import ran_on, tables
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

STYLE = Markup("""
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; color: #1c2024 }
h1, h2 { overflow-wrap: anywhere } h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin-top: 2rem }
table { border-collapse: collapse } th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #dde1e6 }
th:first-child, td:first-child { text-align: left } th { font-weight: 600; background: #f4f6f8 }
@media (max-width: 48rem) { table { display: block; overflow-x: auto; white-space: nowrap } }
figure { display: inline-block; margin: 1rem 1rem 0 0 } figure img { max-width: min(30rem, 100%) }
.paper { color: #8a929a } .result { font-size: 1.15rem }
.warnings { background: #fff6e0; border-left: 4px solid #d99a1c; padding: .6rem 1rem .6rem 2rem; margin: 1rem 0 }
@media print { body { margin: 0; max-width: none } table, figure { break-inside: avoid } details { display: none } }
footer, figcaption { color: #60686f; font-size: .85rem } pre { background: #f4f6f8; padding: .8rem; overflow: auto }
""")


def render(report: Report, picture: Picture) -> str:
    """Return warnings and the result, tables, figures, what a reader must know, and the parameters."""
    return TEMPLATES.get_template("report.html").render(
        report=report,
        notes=other_notes(report),
        pictures={figure.name: b64encode(picture(figure)).decode() for figure in report.figures},
        warnings=input_warnings(report),
        result=headline(report),
        tables=tables(report),
        params=json.dumps(report.params, indent=1),
        ran_on=ran_on(report),
        style=STYLE,
    )
