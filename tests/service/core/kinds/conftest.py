"""Sets and a labeler to plan with, shared by the tests of a module."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from service.core.clients import Core, open_core
from service.core.foundation.settings import Settings
from stack.readiness import BUCKET
from tests.servers import Embedded


class Shelf:
    """Sets and a labeler to plan with, each made when it is first asked for."""

    def __init__(self, hand: Any) -> None:
        self.hand = hand
        self.core = hand.core

    @cached_property
    def source(self) -> str:
        return str(self.hand.ready_set("source"))

    @cached_property
    def distilled(self) -> str:
        return str(self.hand.ready_set(source_dataset=self.source, learned_lr=0.03, distillation_flops=1e15))

    @cached_property
    def labeler(self) -> str:
        return str(self.hand.trained_labeler(self.source))

    @cached_property
    def augmented(self) -> str:
        """The distilled set with dense labels."""
        job = self.hand.work(self.hand.submit("generate_labels", dataset=self.distilled, labeler=self.labeler).id)
        return str(job.result.dataset)

    @cached_property
    def lonely(self) -> str:
        """A distilled set that names no source set."""
        return str(self.hand.ready_set())

    @cached_property
    def five(self) -> str:
        """A distilled set of five classes."""
        return str(self.hand.ready_set(stats=self.hand.made_up_stats(num_classes=5)))

    @cached_property
    def grey(self) -> str:
        """A distilled set with one channel."""
        return str(self.hand.ready_set(stats=self.hand.made_up_stats(image_shape=[1, 32, 32])))

    @cached_property
    def floats(self) -> str:
        """A distilled set of float images."""
        return str(self.hand.ready_set(stats=self.hand.made_up_stats(dtype="float32"), source_dataset=self.source))

    @cached_property
    def whitened(self) -> str:
        """A distilled set whose networks are trained in whitened space."""
        return str(self.hand.ready_set(source_dataset=self.source, normalization="zca"))

    @cached_property
    def small(self) -> str:
        """A source set of 16 px."""
        return str(self.hand.ready_set("source", stats=self.hand.made_up_stats("source", image_shape=[3, 16, 16])))

    @cached_property
    def wide(self) -> str:
        """A source set whose images are not square."""
        return str(self.hand.ready_set("source", stats=self.hand.made_up_stats("source", image_shape=[3, 32, 48])))


@pytest.fixture(scope="module")
def shelf(
    embedded: Embedded, hand_of: Callable[[Core, Path], Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shelf]:
    """Shared by the tests of a module, which only look at it."""
    settings = Settings(
        redis_url=embedded.redis_url,
        s3_endpoint_url=embedded.s3_endpoint,
        s3_bucket=BUCKET,
        s3_access_key=embedded.s3_access_key,
        s3_secret_key=SecretStr(embedded.s3_secret_key),
    )
    with closing(open_core(settings)) as core:
        core.redis.flushall()
        for key in core.storage.list_keys(""):
            core.storage.delete(key)
        yield Shelf(hand_of(core, tmp_path_factory.mktemp("made")))
