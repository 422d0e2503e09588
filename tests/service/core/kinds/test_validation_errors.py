"""Requests that cannot be planned are refused with the field, the rule and the value."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.datasets import DatasetRole
from api_schemas.jobs import ImageFormat, JobKind, JobRequest, Packing
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.kinds import KINDS
from service.core.kinds.generate_labels import check_packing
from service.core.kinds.validation_errors import ValidationErrors
from service.core.queue.plan import Plan

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)


def planned(core: Core, kind: str, **params: Any) -> Plan:
    return KINDS[JobKind(kind)].plan(core, REQUEST.validate_python({"kind": kind, "params": params}).params)


STAND_INS = ("SOURCE", "DISTILLED", "LABELER", "AUGMENTED", "LONELY", "FIVE", "GREY", "FLOATS", "SMALL", "WIDE")
NOBODY = "ds_" + "0" * 26
NO_LABELER = "lb_" + "0" * 26


@pytest.mark.parametrize(
    ("kind", "params", "field", "rule"),
    [
        ("train_labeler", {"source_dataset": NOBODY}, "source_dataset", "not_found"),
        ("train_labeler", {"source_dataset": "DISTILLED"}, "source_dataset", "is_source_set"),
        (
            "train_labeler",
            {"source_dataset": "SOURCE", "architecture": "ConvNetD5", "augmentation": "flip_zoom"},
            "augmentation",
            "is_dsa_strategy",
        ),
        (
            "train_labeler",
            {"source_dataset": "SMALL", "architecture": "VGG11"},
            "architecture",
            "architecture_fits_images",
        ),
        ("train_labeler", {"source_dataset": "WIDE"}, "architecture", "architecture_fits_images"),
        (
            "train_labeler",
            {"source_dataset": "SOURCE", "epochs": 5, "checkpoint_epochs": [2, 6]},
            "checkpoint_epochs",
            "within_epochs",
        ),
        ("train_labeler", {"source_dataset": "SOURCE", "normalization": "mnist"}, "normalization", "same_channels"),
        ("generate_labels", {"dataset": NOBODY, "labeler": "LABELER"}, "dataset", "not_found"),
        ("generate_labels", {"dataset": "SOURCE", "labeler": "LABELER"}, "dataset", "is_distilled_set"),
        ("generate_labels", {"dataset": "DISTILLED", "labeler": NO_LABELER}, "labeler", "not_found"),
        ("generate_labels", {"dataset": "DISTILLED", "labeler": "LABELER", "epoch": 7}, "epoch", "epoch_is_kept"),
        (
            "generate_labels",
            {"dataset": "DISTILLED", "labeler": {"ensemble": ["LABELER", "LABELER"]}},
            "labeler.ensemble",
            "distinct",
        ),
        (
            "generate_labels",
            {"dataset": "DISTILLED", "labeler": {"ensemble": ["LABELER", NO_LABELER]}},
            "labeler.ensemble",
            "not_found",
        ),
        (
            "generate_labels",
            {"dataset": "DISTILLED", "labeler": "LABELER", "temperature": "auto"},
            "labeler",
            "labeler_held_out",
        ),
        ("ladd", {"dataset": "DISTILLED", "epoch": "auto"}, "epoch", "several_checkpoints"),
        (
            "ladd",
            {"dataset": "DISTILLED", "labeler": {"epochs": 20, "held_out": 0}, "epoch": "auto"},
            "labeler.held_out",
            "labeler_held_out",
        ),
        ("generate_labels", {"dataset": "FIVE", "labeler": "LABELER"}, "labeler", "same_classes"),
        ("generate_labels", {"dataset": "GREY", "labeler": "LABELER"}, "labeler", "same_image_shape"),
        (
            "generate_labels",
            {"dataset": "DISTILLED", "labeler": "LABELER", "encoding": "topk:10"},
            "encoding",
            "k_below_classes",
        ),
        (
            "generate_labels",
            {"dataset": "FLOATS", "labeler": "LABELER", "images": "png"},
            "images",
            "eight_bit_images",
        ),
        ("ladd", {"dataset": "DISTILLED", "encoding": "topk:12"}, "encoding", "k_below_classes"),
        ("ladd", {"dataset": "FLOATS", "images": "webp"}, "images", "eight_bit_images"),
        ("evaluate", {"dataset": NOBODY}, "dataset", "not_found"),
        ("evaluate", {"datasets": ["AUGMENTED", "SOURCE"]}, "datasets", "is_distilled_set"),
        ("evaluate", {"datasets": ["AUGMENTED", "AUGMENTED"]}, "datasets", "distinct"),
        ("evaluate", {"dataset": "AUGMENTED", "source_dataset": "DISTILLED"}, "source_dataset", "is_source_set"),
        ("evaluate", {"dataset": "LONELY"}, "source_dataset", "required"),
        ("evaluate", {"dataset": "DISTILLED", "arms": ["ladd"]}, "arms", "arm_has_dense_labels"),
        ("evaluate", {"dataset": "AUGMENTED", "arms": ["ladd", "ladd"]}, "arms", "distinct"),
        ("evaluate", {"dataset": "AUGMENTED", "architectures": ["ViT", "ViT"]}, "architectures", "distinct"),
        ("evaluate", {"dataset": "AUGMENTED", "source_dataset": "SMALL"}, "dataset", "same_image_shape"),
        ("evaluate", {"dataset": "AUGMENTED", "overrides": {"views": "sampled:26"}}, "overrides.views", "within_views"),
        (
            "evaluate",
            {"dataset": "AUGMENTED", "overrides": {"augmentation": "mixup"}},
            "overrides.augmentation",
            "is_dsa_strategy",
        ),
        (
            "evaluate",
            {"dataset": "AUGMENTED", "architectures": ["ViT"], "overrides": {"lr": {"AlexNet": 0.1}}},
            "overrides.lr",
            "is_evaluated",
        ),
        (
            "evaluate",
            {"dataset": "AUGMENTED", "overrides": {"epochs": 5, "warmup_epochs": 6}},
            "overrides.warmup_epochs",
            "within_epochs",
        ),
        ("ladd", {"dataset": NOBODY}, "dataset", "not_found"),
        ("ladd", {"dataset": "LONELY"}, "source_dataset", "required"),
        ("ladd", {"dataset": "FIVE", "source_dataset": "SOURCE"}, "source_dataset", "same_classes"),
        ("ladd", {"dataset": "DISTILLED", "labeler": NO_LABELER}, "labeler", "not_found"),
        ("ladd", {"dataset": "DISTILLED", "labeler": "LABELER", "epoch": 3}, "epoch", "epoch_is_kept"),
        (
            "ladd",
            {"dataset": "DISTILLED", "labeler": {"augmentation": "fold"}},
            "labeler.augmentation",
            "is_dsa_strategy",
        ),
        ("ladd", {"dataset": "DISTILLED", "labeler": {"epochs": 5}, "epoch": 10}, "epoch", "epoch_is_kept"),
        (
            "ladd",
            {"dataset": "DISTILLED", "views": {"n": 2}, "evaluation": {"overrides": {"views": "sampled:5"}}},
            "evaluation.overrides.views",
            "within_views",
        ),
        (
            "ladd",
            {"dataset": "DISTILLED", "evaluation": {"architectures": ["ViT", "ViT"]}},
            "evaluation.architectures",
            "distinct",
        ),
    ],
)
def test_a_broken_rule_names_its_field(shelf: Any, kind: str, params: dict[str, Any], field: str, rule: str) -> None:
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, kind, **filled(shelf, params))
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert [(reason.location, reason.rule) for reason in caught.value.reasons] == [(f"body.params.{field}", rule)]
    (reason,) = caught.value.reasons
    assert reason.message in caught.value.message


def filled(shelf: Any, params: Any) -> Any:
    """Put ids in the place of the words that stand for sets."""
    if isinstance(params, dict):
        return {key: filled(shelf, value) for key, value in params.items()}
    if isinstance(params, list):
        return [filled(shelf, value) for value in params]
    return getattr(shelf, params.lower()) if params in STAND_INS else params


def test_webp_needs_three_channels(shelf: Any) -> None:
    errors = ValidationErrors(shelf.core.catalogue)
    grey = errors.dataset("dataset", shelf.grey, DatasetRole.DISTILLED)
    assert grey is not None
    check_packing(errors, Packing(images=ImageFormat.PNG), grey)
    errors.raise_if_any()
    check_packing(errors, Packing(images=ImageFormat.WEBP), grey)
    with pytest.raises(ServiceError, match="webp holds images of 3 channels"):
        errors.raise_if_any()


def test_all_broken_rules_are_told_at_once(shelf: Any) -> None:
    overrides = {"augmentation": "mixup", "epochs": 2, "warmup_epochs": 3}
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, "evaluate", dataset=shelf.distilled, arms=["ladd"], overrides=overrides)
    assert [reason.location.removeprefix("body.params.") for reason in caught.value.reasons] == [
        "overrides.augmentation",
        "overrides.warmup_epochs",
        "arms",
    ]


def test_a_set_that_is_not_ready_is_told_as_such(shelf: Any) -> None:
    waiting = shelf.hand.upload(source_dataset=shelf.source).id
    with pytest.raises(ServiceError, match="is validating, not ready") as caught:
        planned(shelf.core, "ladd", dataset=waiting)
    assert caught.value.code is ErrorCode.DATASET_NOT_READY
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, "generate_labels", dataset=waiting, labeler=NO_LABELER)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
