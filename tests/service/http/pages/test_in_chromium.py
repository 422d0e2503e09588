"""The pages in a real browser: what it may load, who sees what, keyboard, accessibility, widths, light and dark."""

import json
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from service.core.clients import Core
from service.core.resources.api_keys import Scope
from tests.chromium import chromium, complaints
from tests.service.core.hand import Hand
from tests.service.http.pages.made_up_sets import drawn_set, few, labelled_set

pytestmark = pytest.mark.slow

LOOKS = ((1280, "light"), (1280, "dark"), (390, "light"))
"""Widths in pixels, and schemes of colour."""
FIRST_PAGE_BYTES, FIRST_PAGE_REQUESTS, HTML_BYTES = 150_000, 15, 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def hand(core: Core, tmp_path: Path) -> Hand:
    folder = tmp_path / "made"
    folder.mkdir()
    return Hand(core, folder)


@pytest.fixture
def places(hand: Hand) -> list[str]:
    """Every place with something in it."""
    source = hand.ready_set("source", name="the real images")
    distilled = drawn_set(hand, source_dataset=source, name="ten classes")
    labelled = labelled_set(hand, distilled)
    job = hand.submit("ladd", dataset=distilled, evaluation=few(architectures=["ConvNetD3"]))
    hand.work(job.id)
    waiting = hand.submit("ladd", dataset=distilled, evaluation=few(trials=1, seed=7))
    return [
        "/",
        "/sets",
        f"/sets/{distilled}",
        f"/sets/{labelled}/images/4",
        "/labelers",
        f"/labelers/{hand.trained_labeler(source, epochs=2)}",
        "/jobs",
        f"/jobs/{waiting.id}",
        f"/jobs/{job.id}/report",
        f"/new/ladd?dataset={distilled}",
        "/operations",
        "/sign-in",
        f"/jobs/job_{'0' * 26}",
    ]


def opened(browser: Browser, api: httpx.Client, width: int = 1280, **more: Any) -> Page:
    context = browser.new_context(base_url=str(api.base_url), viewport={"width": width, "height": 900}, **more)
    return context.new_page()


def test_places_are_accessible_and_fit(browser: Browser, api: httpx.Client, places: list[str]) -> None:
    pages = {(width, scheme): opened(browser, api, width, color_scheme=scheme) for width, scheme in LOOKS}
    for place, ((width, _), page) in product(places, pages.items()):
        page.goto(place)
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        told = [(each["id"], each["nodes"][0]["html"][:120]) for each in found.response["violations"]]
        assert told == [], place
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, f"{place} scrolls sideways by {wide} px at {width} px"


def test_the_first_page_is_light(browser: Browser, api: httpx.Client, places: list[str]) -> None:
    page = opened(browser, api)
    answers: list[int] = []
    page.on("response", lambda answer: answers.append(len(answer.body())) if answer.ok else None)
    page.goto("/", wait_until="networkidle")
    assert len(answers) <= FIRST_PAGE_REQUESTS
    assert sum(answers) <= FIRST_PAGE_BYTES
    assert answers[0] <= HTML_BYTES


def test_nothing_breaks_the_policy_or_the_scripts(browser: Browser, api: httpx.Client, places: list[str]) -> None:
    page = opened(browser, api)
    heard = complaints(page)
    for place in places[:-1]:
        page.goto(place)
        page.wait_for_timeout(100)
    # Pictures that were made up are none.
    assert [line for line in heard if "Failed to load resource" not in line] == []


def test_views_are_linked_by_keyboard_and_pointer(browser: Browser, api: httpx.Client, places: list[str]) -> None:
    page = opened(browser, api)
    page.goto(places[3])
    heading = page.locator("#said-of")
    expect(heading).to_have_text("Mean over the views")
    page.keyboard.press("ArrowRight")
    expect(heading).to_have_text("View 0")
    page.keyboard.press("ArrowDown")
    expect(heading).to_have_text("View 5")
    expect(page.locator(".place.on")).to_have_count(1)
    page.keyboard.press("]")
    page.wait_for_url("**/images/5")
    page.locator(".grid-over").hover(position={"x": 2, "y": 2})
    expect(page.locator("#said-of")).to_have_text("View 0")
    assert page.locator("#views li.on").get_attribute("data-view") == "0"


def test_the_form_and_its_json_stay_in_step(browser: Browser, api: httpx.Client, places: list[str]) -> None:
    page = opened(browser, api)
    page.goto(places[-4])
    estimate = page.locator("#estimate")
    expect(estimate).to_contain_text("tasks")
    page.get_by_label("Trials of each").fill("2")
    page.get_by_role("checkbox", name="ConvNetD3").check()
    sent = json.loads(page.locator("#body").input_value())
    assert sent["params"]["evaluation"] == {"trials": 2, "architectures": ["ConvNetD3"]}
    page.locator("#body").fill(json.dumps(sent | {"params": sent["params"] | {"views": {"n": 3}}}))
    expect(page.get_by_label("Views along an axis (N)")).to_have_value("3")
    page.get_by_role("tab", name="Python").click()
    expect(page.locator("#call")).to_contain_text("client.submit")
    page.get_by_label("Trials of each").fill("-1")
    expect(estimate).to_contain_text("greater than or equal to 1")
    expect(page.get_by_role("button", name="Start job")).to_be_disabled()
    page.get_by_label("Trials of each").fill("1")
    expect(page.get_by_role("button", name="Start job")).to_be_enabled()
    page.get_by_role("button", name="Start job").click()
    page.wait_for_url("**/jobs/job_*")


def test_two_tenants_sign_in_and_see_what_is_theirs(
    browser: Browser, api: httpx.Client, hand: Hand, make_key: Callable[..., str]
) -> None:
    hand.ready_set("source", name="of the tenant default")
    keys = {tenant: make_key(tenant, Scope.READ, Scope.WRITE) for tenant in ("default", "theirs")}
    pages = {tenant: opened(browser, api) for tenant in keys}
    for tenant, page in pages.items():
        page.goto("/sets")
        page.get_by_label("API key").fill(keys[tenant])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/sets")
    expect(pages["default"].locator(".cards")).to_contain_text("of the tenant default")
    expect(pages["theirs"].locator("main")).to_contain_text("There is no set yet")
    pages["default"].get_by_role("button", name="Sign out").click()
    pages["default"].wait_for_url("**/sign-in")
    pages["default"].goto("/sets")
    assert "/sign-in" in pages["default"].url


def test_a_signed_in_page_cancels_its_job(
    browser: Browser, api: httpx.Client, hand: Hand, make_key: Callable[..., str]
) -> None:
    job = hand.submit("train_labeler", source_dataset=hand.ready_set("source"))
    page = opened(browser, api)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"/sign-in?to=/jobs/{job.id}")
    page.get_by_label("API key").fill(make_key("default", Scope.READ, Scope.WRITE))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Cancel job").click()
    expect(page.locator("main")).to_contain_text("canceled")


def test_a_change_of_state_is_shown_as_it_happens(browser: Browser, api: httpx.Client, hand: Hand) -> None:
    job = hand.submit("train_labeler", source_dataset=hand.ready_set("source"))
    page = opened(browser, api)
    page.goto(f"/jobs/{job.id}")
    expect(page.locator("#live-said")).to_have_text("Live.")
    claimed = hand.claim(job.id, "train_labeler")
    expect(page.locator("main")).to_contain_text("running")
    hand.finish(claimed)
    expect(page.locator("#live-said")).to_have_text("The job has ended.")
    expect(page.locator("main")).to_contain_text("succeeded")
