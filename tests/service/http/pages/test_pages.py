"""Every place in every state: what a visitor reads, and that nothing of it is anybody else's markup."""

import html
import io
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from PIL import Image

from api_schemas.problems import ErrorCode, ErrorOrigin, Reason, TaskError
from service.core.clients import Core
from service.core.lifecycle import tasks
from service.core.resources.api_keys import Scope
from service.http.pages.site import FILES, static
from tests.service.core.hand import Hand
from tests.service.http.pages.made_up_sets import drawn_set, few, labelled_set

EVIL = '<img src=x onerror="alert(1)">'


@pytest.fixture
def hand(core: Core, tmp_path: Path) -> Hand:
    folder = tmp_path / "made"
    folder.mkdir()
    return Hand(core, folder)


def text_of(api: httpx.Client, place: str, status: int = 200) -> str:
    answer = api.get(place)
    assert answer.status_code == status, answer.text[:2000]
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return answer.text


@pytest.mark.parametrize("place", ["/", "/sets", "/labelers", "/jobs", "/operations", "/new/ladd", "/new/sweep"])
def test_empty_places_say_what_they_are_and_what_to_do(api: httpx.Client, place: str) -> None:
    text = text_of(api, place)
    assert "<h1>" in text
    assert any(word in text for word in ("There is no", "Bring a set", "No worker", "Choose"))


def test_policy_allows_no_inline_script_or_style(api: httpx.Client) -> None:
    for place in ("/", "/sets", "/new/ladd", "/sign-in"):
        answer = api.get(place)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe-inline" not in policy
        assert "<script>" not in answer.text
        assert " style=" not in answer.text
        assert "onclick" not in answer.text


def test_files_are_kept_by_caches_and_change_their_address(api: httpx.Client) -> None:
    for file in FILES.iterdir():
        answer = api.get(static(file.name))
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert api.get(static(file.name), headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert api.get("/static/0/..%2fsite.py").status_code == 404


def test_errors_are_pages(api: httpx.Client) -> None:
    missing = text_of(api, f"/jobs/job_{'0' * 26}", 404)
    assert "Not found" in missing
    assert "not_found" in missing
    assert "request" in text_of(api, "/jobs?nonsense=1", 422)
    assert "cursor" in text_of(api, "/sets?cursor=nonsense", 422)


def test_a_set_shows_what_was_found_and_why(api: httpx.Client, hand: Hand) -> None:
    source = hand.ready_set("source", name="the real ones")
    plain = drawn_set(hand, source_dataset=source, name=EVIL)
    text = text_of(api, f"/sets/{plain}")
    assert "npz: made up" in text
    assert "2 of each class" in text
    assert f'src="/sets/{plain}/classes/0.png"' in text
    assert EVIL not in text
    assert EVIL not in text_of(api, "/sets")
    assert "the real ones" in text_of(api, "/sets?role=source")
    assert "&lt;img" not in text_of(api, "/sets?role=source").partition('class="cards"')[2]
    assert "no dense labels" in text_of(api, f"/sets/{plain}/images/0")


def test_a_class_is_one_picture(api: httpx.Client, hand: Hand) -> None:
    plain = drawn_set(hand, source_dataset=hand.ready_set("source"))
    answer = api.get(f"/sets/{plain}/classes/3.png")
    assert answer.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size == (64, 32)
    assert api.get(f"/sets/{plain}/classes/10.png").status_code == 404
    assert f'href="/sets/{plain}/images/6">3</a>' in api.get(f"/sets/{plain}").text


def test_an_image_shows_its_views_and_where_the_labeler_disagrees(api: httpx.Client, hand: Hand) -> None:
    plain = drawn_set(hand, source_dataset=hand.ready_set("source"))
    labelled = labelled_set(hand, plain)
    text = text_of(api, f"/sets/{labelled}/images/4")
    assert text.count('<li data-view="') == 25
    assert text.count('class="place"') == 25
    assert "agrees in 0 of 25 views" in text
    assert 'aria-label="View 0 at 0, 0: 3 55%"' in text
    # -0.55 ln 0.55 - 9 * 0.05 ln 0.05
    assert "row 0, column 0: 1.68" in text
    assert 'rel="prev" href="3"' in text
    assert 'rel="next"' not in text_of(api, f"/sets/{labelled}/images/19")
    assert "20 images" in text_of(api, f"/sets/{labelled}/images/20", 422)
    assert "dense labels" in text_of(api, f"/sets/{labelled}")


def test_a_set_that_was_refused_shows_every_reason(api: httpx.Client, hand: Hand) -> None:
    dataset = hand.upload()
    reasons = [
        Reason(location="files[0]", rule="holds_images", value=None, message=f"file {n} is empty") for n in (1, 2)
    ]
    error = TaskError(code=ErrorCode.REJECTED_INPUT, origin=ErrorOrigin.INPUT, message="refused", reasons=reasons)
    assert tasks.fail(hand.core, hand.claim(dataset.job, "ingest"), error)
    text = text_of(api, f"/sets/{dataset.id}")
    assert "file 1 is empty" in text
    assert "file 2 is empty" in text
    assert "rejected" in text


def test_a_labeler_shows_its_epochs(api: httpx.Client, hand: Hand) -> None:
    labeler = hand.trained_labeler(hand.ready_set("source", name="real"), epochs=3, checkpoint_epochs=[1, 3])
    text = text_of(api, f"/labelers/{labeler}")
    assert "which labels unless a job says otherwise" in text
    assert text.count("<td>yes</td>") == 2
    assert "learned from" in text
    assert "real" in text_of(api, "/labelers")


def test_a_job_goes_from_its_form_to_its_report(api: httpx.Client, hand: Hand) -> None:
    source = hand.ready_set("source")
    distilled = hand.ready_set(source_dataset=source, name="ten images")
    form = text_of(api, f"/new/ladd?dataset={distilled}")
    assert distilled in form
    assert "paper-table2" in form
    assert '"trials": 3' in text_of(api, f"/new/ladd?dataset={distilled}&preset=quick").replace("&#34;", '"')

    job = hand.submit("ladd", dataset=distilled, evaluation=few())
    waiting = text_of(api, f"/jobs/{job.id}")
    assert "This job waits" in waiting
    assert "Cancel job" in waiting
    assert "ladd: ten images" in text_of(api, "/jobs?state=queued")
    hand.work(job.id, until="report")
    running = text_of(api, f"/jobs/{job.id}")
    assert f'data-live="/v1/jobs/{job.id}/events"' in running
    assert "12 of 12 done" in running
    hand.work(job.id)
    done = text_of(api, f"/jobs/{job.id}")
    assert "Cancel job" not in done
    assert "Read the report" in done
    assert "data-live" not in done
    report = text_of(api, f"/jobs/{job.id}/report")
    assert 'class="result"' in report
    assert "ConvNetD3, ladd" in report
    assert "95 % intervals" in report
    assert job.id in text_of(api, "/")
    assert job.id in text_of(api, f"/new/ladd?again={job.id}") or distilled in text_of(api, f"/new/ladd?again={job.id}")


def test_jobs_are_compared(api: httpx.Client, hand: Hand) -> None:
    distilled = hand.ready_set(source_dataset=hand.ready_set("source"))
    found = [hand.submit("ladd", dataset=distilled, evaluation=few(trials=trials)).id for trials in (1, 3)]
    for job in found:
        hand.work(job)
    assert "Choose up to 8 jobs" in text_of(api, "/compare")
    text = text_of(api, f"/compare?job={found[0]}&job={found[1]}")
    assert "A ConvNetD3, ladd" in text
    assert "51.00 ± 0.82 (3)" in text
    assert "50.00 ± 0.00 (1)" in text
    assert f'value="{found[0]}"' in text_of(api, "/jobs")


def test_a_failed_job_says_why_and_can_be_begun_again(api: httpx.Client, hand: Hand) -> None:
    source = hand.ready_set("source")
    job = hand.submit("train_labeler", source_dataset=source)
    hand.fail(hand.claim(job.id, "train_labeler"))
    text = text_of(api, f"/jobs/{job.id}")
    assert "it broke" in text
    assert "Retry" in text
    assert "no_report" in text_of(api, f"/jobs/{job.id}/report", 404)


@pytest.mark.parametrize("kind", ["ladd", "evaluate", "generate_labels", "train_labeler", "sweep"])
def test_forms_ask_for_the_fields_of_their_kind(api: httpx.Client, kind: str) -> None:
    text = text_of(api, f"/new/{kind}")
    assert 'data-path="' in text
    assert "What it will cost" in text


def test_a_kind_that_there_is_not_is_not_found(api: httpx.Client) -> None:
    assert "train_labeler" in text_of(api, "/new/nonsense", 404)


def test_who_may_read_alone_sees_no_button(api: httpx.Client, hand: Hand, make_key: Callable[..., str]) -> None:
    job = hand.submit("train_labeler", source_dataset=hand.ready_set("source"))
    secret = make_key("default", Scope.READ)
    answer = api.get(f"/jobs/{job.id}", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 200
    assert "Cancel job" not in answer.text
    assert "Your key may read only." in api.get("/new/ladd", headers={"Authorization": f"Bearer {secret}"}).text


def test_a_report_can_be_shown_to_who_has_its_link_alone(
    api: httpx.Client, hand: Hand, make_key: Callable[..., str]
) -> None:
    source = hand.ready_set("source")
    job = hand.submit("ladd", dataset=hand.ready_set(source_dataset=source), evaluation=few(trials=1))
    hand.work(job.id)
    ours = {"Authorization": f"Bearer {make_key('default', Scope.READ)}"}
    page = api.get(f"/jobs/{job.id}/report", headers=ours).text
    link = html.unescape(re.findall(r'readonly value="([^"]+)"', page)[0])
    stranger = api.get(link)
    assert stranger.status_code == 200
    assert "ConvNetD3, ladd" in stranger.text
    for private in ("/v1/", f'href="/jobs/{job.id}', "Share this report", "Labelers"):
        assert private not in stranger.text
    assert api.get(link[:-1] + ("0" if link[-1] != "0" else "1")).status_code == 404
    assert api.get(f"/shared/jobs/{job.id}/report").status_code == 422
    assert api.get(f"/jobs/{job.id}/report").status_code == 401


def test_operations_are_for_admins(api: httpx.Client, hand: Hand, make_key: Callable[..., str]) -> None:
    hand.ready_set("source")
    reader, admin = ({"Authorization": f"Bearer {make_key('ours', scope)}"} for scope in (Scope.READ, Scope.ADMIN))
    refused = api.get("/operations", headers=reader)
    assert refused.status_code == 403
    assert 'href="/operations"' not in refused.text
    shown = api.get("/operations", headers=admin).text
    assert "<td>default</td>" in shown
    assert "No worker is there" in shown


def test_a_filter_that_is_left_open_is_none(api: httpx.Client, hand: Hand) -> None:
    hand.ready_set("source", name="one of many")
    assert "one of many" in text_of(api, "/sets?name=one&role=&state=")
    assert "There is no job yet" not in text_of(api, "/jobs?name=&kind=&state=")
    assert "No set matches" in text_of(api, "/sets?name=another&role=&state=")


def test_signatures_of_any_letters_are_refused(api: httpx.Client) -> None:
    link = f"/shared/jobs/job_{'0' * 26}/report?tenant=default&until=99999999999&signature=%C3%A9"
    assert "opens nothing" in text_of(api, link, 404)


def test_a_job_of_a_set_that_is_not_listed_can_be_run_again(api: httpx.Client, hand: Hand) -> None:
    distilled = hand.ready_set(source_dataset=hand.ready_set("source"))
    job = hand.submit("evaluate", datasets=[distilled], **few(trials=1))
    text = text_of(api, f"/new/evaluate?again={job.id}")
    assert "novalidate" in text
    assert 'data-path="overrides.seed_rule" data-type="number"' in text


def test_an_admins_link_opens_the_report_of_another_tenant(
    api: httpx.Client, hand: Hand, make_key: Callable[..., str]
) -> None:
    job = hand.submit("ladd", dataset=hand.ready_set(source_dataset=hand.ready_set("source")), evaluation=few(trials=1))
    hand.work(job.id)
    admin = {"Authorization": f"Bearer {make_key('admins', Scope.ADMIN)}"}
    page = api.get(f"/jobs/{job.id}/report", headers=admin).text
    link = html.unescape(re.findall(r'readonly value="([^"]+)"', page)[0])
    assert api.get(link).status_code == 200
