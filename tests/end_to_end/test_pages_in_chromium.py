"""From files to a report in the browser, on the whole stack: upload, job, live progress, report, downloads."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from api_schemas.datasets import Dataset
from stack.running import Stack
from tests.chromium import chromium, complaints
from tests.end_to_end.conftest import DISTILLED

MINUTE = 60_000


@pytest.fixture
def page(stack_up: Stack) -> Iterator[Page]:
    with chromium() as browser:
        context = browser.new_context(base_url=stack_up.url, viewport={"width": 1280, "height": 900})
        yield context.new_page()


def test_from_files_to_a_report(page: Page, source: Dataset, tmp_path: Path) -> None:
    heard = complaints(page)
    page.goto("/sets")
    page.get_by_text("Bring a set", exact=True).click()
    page.locator("#files").set_input_files([DISTILLED / "images_best.pt", DISTILLED / "labels_best.pt"])
    page.locator("#upload").get_by_label("Name").fill("Sent from a page")
    page.get_by_label("Distilled from").select_option(source.id)
    page.get_by_label("Normalization of the stored values").select_option("fashion_mnist")
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/sets/ds_*")
    # Without a reload: the page follows the job that reads the files.
    expect(page.get_by_role("link", name="Label and evaluate it")).to_be_visible(timeout=MINUTE)
    page.get_by_role("link", name="Label and evaluate it").click()

    body = json.loads(page.locator("#body").input_value())
    body["params"] |= {"labeler": {"epochs": 1}, "views": {"n": 2}}
    page.locator("#body").fill(json.dumps(body))
    page.get_by_label("Trials of each").fill("1")
    page.get_by_label("Epochs of a training").fill("1")
    expect(page.locator("#estimate")).to_contain_text("deployment")
    page.get_by_role("button", name="Start job").click()
    page.wait_for_url("**/jobs/job_*")
    expect(page.get_by_role("link", name="Read the report")).to_be_visible(timeout=3 * MINUTE)
    page.get_by_role("link", name="Read the report").click()
    expect(page.locator(".result")).to_contain_text("Sent from a page")
    with page.expect_download() as csv:
        page.get_by_role("link", name="CSV").click()
    assert csv.value.path().read_text().startswith("dataset,arm,architecture,trial")
    page.get_by_role("link", name="The job").click()
    with page.expect_download() as archive:
        page.get_by_role("link", name="Download the archive").click()
    assert "dense_labels.npy" in zipfile.ZipFile(archive.value.path()).namelist()
    assert heard == []
