"""The pages for people: HTML of the same core functions as the API, readable without JavaScript.

`site.py` has what all pages share; each other file is the pages of one subject.
"""

from service.http.pages import (
    compare,
    images,
    jobs,
    labelers,
    new_job,
    operations,
    overview,
    reports,
    sets,
    sign_in,
    site,
)

_PLACES = (overview, sets, images, labelers, jobs, reports, compare, new_job, operations, sign_in, site)
PAGES = tuple(each.router for each in _PLACES)
"""Routers of all places."""
