"""Keys of requests: one stands for one request and what it made, also after Redis is lost."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetRole
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.foundation.ids import new_id
from service.core.lifecycle import repeats
from service.core.lifecycle.repeats import KeyedRequest
from service.core.objects.received_files import StreamedFile, upload_key
from service.core.resources import datasets
from service.core.upkeep.rebuild_index import rebuild_index


def create(core: Core, asked: KeyedRequest) -> Dataset:
    dataset_id = new_id("ds")
    key = upload_key(dataset_id, 0)
    stream = core.storage.open_upload(key)
    stream.write(b"raw bytes")
    files = [StreamedFile("a.pt", key, stream.finish())]
    return datasets.create(core, DatasetMetadata(name="a set", role=DatasetRole.SOURCE), files, dataset_id, asked)


def test_equal_requests_are_one_and_others_are_told_apart(core: Core) -> None:
    first = repeats.asked(core, "k", ["uploads", {"a": 1, "b": [2]}])
    assert repeats.asked(core, "k", ["uploads", {"b": [2], "a": 1}]) == first
    assert repeats.made_before(core, first) is None
    assert repeats.note(core, first, "up_1") == "up_1"
    assert repeats.note(core, first, "up_2") == repeats.made_before(core, first) == "up_1"
    assert repeats.made_before(core, repeats.asked(core, "other", ["uploads", {"a": 1, "b": [2]}])) is None
    assert repeats.made_before(core.acting_for("acme"), repeats.asked(core.acting_for("acme"), "k", [])) is None
    another = repeats.asked(core, "k", ["uploads", {"a": 1}])
    for refuse in (repeats.made_before, lambda core, asked: repeats.note(core, asked, "up_3")):
        with pytest.raises(ServiceError, match="made up_1") as caught:
            refuse(core, another)
        assert caught.value.code is ErrorCode.IDEMPOTENCY_KEY_REUSED


def test_without_a_key_nothing_is_remembered(core: Core) -> None:
    asked = repeats.asked(core, None, ["uploads"])
    assert repeats.note(core, asked, "up_1") == "up_1"
    assert repeats.made_before(core, asked) is None
    assert core.redis.keys("ladd:idempotency:*") == []


def test_a_key_is_forgotten_in_time(core: Core) -> None:
    repeats.note(core, repeats.asked(core, "k", []), "up_1")
    (memory,) = core.redis.keys("ladd:idempotency:*")
    assert 6 * 24 * 3600 < core.redis.ttl(memory) <= 7 * 24 * 3600


def test_sets_that_are_recorded_at_the_same_time_are_one_and_nothing_of_the_others_stays(core: Core) -> None:
    asked = repeats.asked(core, "k", ["a set"])
    with ThreadPoolExecutor(4) as pool:
        made = {dataset.id for dataset in pool.map(lambda _: create(core, asked), range(4))}
    assert len(made) == 1
    for folder in ("datasets/", "uploads/"):
        assert {key.split("/")[1] for key in core.storage.list_keys(folder)} == made
    assert len({key.split("/")[1] for key in core.storage.list_keys("jobs/")}) == 1
    with pytest.raises(ServiceError, match="came with another request before"):
        create(core, repeats.asked(core, "k", ["another set"]))
    assert {key.split("/")[1] for key in core.storage.list_keys("uploads/")} == made


def test_the_key_of_a_set_comes_back_with_the_index(core: Core) -> None:
    asked = repeats.asked(core, "k", ["a set"])
    dataset = create(core, asked)
    core.redis.flushall()
    rebuild_index(core)
    assert repeats.made_before(core, asked) == dataset.job
    assert datasets.made_by(core, dataset.job).id == dataset.id
