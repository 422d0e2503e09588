"""A labeler is trained through the stack of `make up`, or blows up."""

import numpy as np
from ladd_client.api import LaddClient

from api_schemas.datasets import Dataset
from api_schemas.jobs import JobKind, JobState, TrainLabelerParams, TrainLabelerRequest
from api_schemas.problems import ErrorCode, ErrorOrigin
from tests.end_to_end.finished import Finished


def test_train_labeler_keeps_the_chosen_epochs(client: LaddClient, source: Dataset) -> None:
    params = TrainLabelerParams(source_dataset=source.id, epochs=3, checkpoint_epochs=[1, 3], batch_size=64, lr=0.02)
    trained = Finished(client, TrainLabelerRequest(kind=JobKind.TRAIN_LABELER, params=params))
    assert trained.result.labeler is not None
    labeler = client.labeler(trained.result.labeler)
    assert [row.epoch for row in labeler.epochs] == [1, 2, 3]
    assert [row.checkpoint is not None for row in labeler.epochs] == [True, False, True]
    assert all(0 < row.mean_entropy < np.log(10) + 1e-6 for row in labeler.epochs)
    losses = [row.train_loss for row in labeler.epochs if row.train_loss is not None]
    assert len(losses) == 3
    assert losses[-1] < losses[0]


def test_a_learning_rate_that_blows_the_training_up_fails_the_job_at_once(client: LaddClient, source: Dataset) -> None:
    # Each step multiplies the weights by 1 - lr * weight_decay = -99, and an epoch has thirty.
    params = TrainLabelerParams(source_dataset=source.id, epochs=2, batch_size=8, lr=100, weight_decay=1)
    submitted = client.submit(TrainLabelerRequest(kind=JobKind.TRAIN_LABELER, params=params))
    job = client.wait(submitted.id, check=False)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.origin) == (ErrorCode.REJECTED_INPUT, ErrorOrigin.INPUT)
    assert [(reason.location, reason.rule, reason.value) for reason in job.error.reasons] == [
        ("lr", "training_converges", "100.0")
    ]
    assert [len(task.attempts) for task in job.tasks] == [1]
