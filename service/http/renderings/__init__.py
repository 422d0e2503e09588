"""A report in other forms than JSON. A new one is a file with `render`, and one line here."""

from service.http.renderings import csv_trials, html_page, markdown

RENDERINGS = {
    "md": ("text/markdown", markdown.render),
    "html": ("text/html", html_page.render),
    "csv": ("text/csv", csv_trials.render),
}
"""{ending of `/v1/jobs/{id}/report.<ending>`: (media type, function of the report that returns the text)}"""
