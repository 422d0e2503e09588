"""The broken rules of one job request, gathered so that the caller sees them all at once."""

from collections.abc import Iterable, Sequence
from typing import Any

from api_schemas.datasets import DatasetRole, DatasetState
from api_schemas.labelers import Architecture
from api_schemas.problems import ErrorCode, Reason
from method.architectures import ARCHITECTURES
from method.augmentation import FAMILIES, RESIZED_CROP, parse_strategy
from method.class_names import difference
from service.core.catalogue.catalogue import Catalogue
from service.core.catalogue.manifests import DatasetManifest, LabelerManifest
from service.core.foundation.errors import Found, ServiceError, reason


class DatasetsAwaitedError(ServiceError):
    """Nothing is wrong with a request, but sets that it names are validated still: only then it can be planned."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        message = "; ".join(reason.message for reason in reasons)
        super().__init__(ErrorCode.DATASET_NOT_READY, message, reasons)
        self.datasets = list(dict.fromkeys(str(reason.value) for reason in reasons))


class ValidationErrors:
    """Looks things up and notes what is wrong with them under the JSON path of the field that named them.

    `at` is where the fields lie in the request. `notes` are defaults that were left out, which is no error.
    """

    def __init__(self, catalogue: Catalogue, at: str = "body.params") -> None:
        self._catalogue = catalogue
        self._at = at
        self._reasons: list[Reason] = []
        self._codes: set[ErrorCode] = set()
        self._awaited: list[Reason] = []
        self.notes: list[str] = []

    def add(
        self, field: str, rule: str, value: object, message: str, code: ErrorCode = ErrorCode.INVALID_REQUEST
    ) -> None:
        """Note one broken rule; `field` is the path below `at`."""
        self._reasons.append(reason(f"{self._at}.{field}", rule, value, message))
        self._codes.add(code)

    def raise_if_any(self) -> None:
        """Raise ServiceError with everything noted: INVALID_REQUEST, or DATASET_NOT_READY if that is all there is.

        Raises DatasetsAwaitedError where sets that are validated still are in the way, and nothing else.
        """
        if self._reasons:
            code = self._codes.pop() if len(self._codes) == 1 else ErrorCode.INVALID_REQUEST
            raise ServiceError(code, "; ".join(reason.message for reason in self._reasons), self._reasons)
        if self._awaited:
            raise DatasetsAwaitedError(self._awaited)

    def sure(self, found: Found | None) -> Found:
        """Return what was looked up. Raises as `raise_if_any` does, where there is nothing: that was noted."""
        self.raise_if_any()
        assert found is not None
        return found

    def dataset(self, field: str, dataset_id: str, role: DatasetRole | None) -> DatasetManifest | None:
        """Return a dataset that is ready and has this role (None: any), or None; one that is validated is awaited."""
        found = self._catalogue.dataset(dataset_id)
        if found is None:
            self.add(field, "not_found", dataset_id, f"there is no dataset {dataset_id}")
        elif role is not None and found.role is not role:
            self.add(field, f"is_{role}_set", dataset_id, f"{dataset_id} is a {found.role} set, not a {role} set")
        elif found.state is DatasetState.VALIDATING:
            message = f"{dataset_id} is {found.state}, not ready"
            self._awaited.append(reason(f"{self._at}.{field}", "is_ready", dataset_id, message))
        elif found.state is not DatasetState.READY:
            message = f"{dataset_id} is {found.state}, not ready"
            self.add(field, "is_ready", dataset_id, message, ErrorCode.DATASET_NOT_READY)
        else:
            return found
        return None

    def source_of(self, field: str, named: str | None, sets: Iterable[DatasetManifest]) -> DatasetManifest | None:
        """Return the source set a request names, else the one that all distilled sets were uploaded with."""
        if named is not None:
            return self.dataset(field, named, DatasetRole.SOURCE)
        known = {found.metadata.source_dataset for found in sets}
        if len(known) == 1 and (only := known.pop()) is not None:
            return self.dataset(field, only, DatasetRole.SOURCE)
        self.add(field, "required", None, "name the source set: the distilled sets do not name one and the same")
        return None

    def set_and_source(self, dataset_id: str, source_id: str | None) -> tuple[DatasetManifest, DatasetManifest]:
        """Return the distilled set and its source set, of one shape; raises what was found where there is none."""
        dataset = self.sure(self.dataset("dataset", dataset_id, DatasetRole.DISTILLED))
        source = self.sure(self.source_of("source_dataset", source_id, [dataset]))
        self.same_shape("source_dataset", dataset, source)
        return dataset, source

    def labeler(self, field: str, labeler_id: str) -> LabelerManifest | None:
        """Return a labeler."""
        found = self._catalogue.labeler(labeler_id)
        if found is None:
            self.add(field, "not_found", labeler_id, f"there is no labeler {labeler_id}")
        return found

    def same_shape(self, field: str, one: DatasetManifest, other: DatasetManifest | LabelerManifest) -> None:
        """Require equal numbers of classes and equal image shapes."""
        its = other.measured if isinstance(other, DatasetManifest) else other
        if one.measured.num_classes != its.num_classes:
            message = f"{one.id} has {one.measured.num_classes} classes, {other.id} has {its.num_classes}"
            self.add(field, "same_classes", its.num_classes, message)
        if one.measured.image_shape != its.image_shape:
            message = (
                f"{one.id} has images of [channels, height, width] {one.measured.image_shape}, "
                f"{other.id} of {its.image_shape}"
            )
            self.add(field, "same_image_shape", its.image_shape, message)

        self._same_class_order(field, one, other)

    def _same_class_order(self, field: str, one: DatasetManifest, other: DatasetManifest | LabelerManifest) -> None:
        """Refuse sets whose labels mean different classes, by their names."""
        source = other if isinstance(other, DatasetManifest) else self._catalogue.dataset(other.source_dataset)
        if source is None:
            return
        names, others = ([count.name for count in found.measured.class_counts] for found in (one, source))
        doubt = difference(names, others) if len(names) == len(others) else None
        if doubt is not None:
            message = (
                f"of {one.id} and {source.id}, {doubt}. Either may be the wrong one: name another source set, or "
                'upload one of them again with a class_map that says which class is which, such as {"cat": "n02"}'
            )
            self.add(field, "same_class_order", source.id, message)

    def distinct(self, field: str, values: Sequence[Any]) -> None:
        """Require that no value is named twice."""
        for value in sorted({value for value in values if values.count(value) > 1}):
            self.add(field, "distinct", value, f"{field} names {value} more than once")

    def fits(self, field: str, architecture: Architecture, image_shape: list[int]) -> None:
        """Require an architecture that takes images of this shape [channels, height, width]."""
        channels, height, width = image_shape
        message = ARCHITECTURES[architecture].misfit(height, channels)
        if height != width:
            message = f"{architecture} needs square images, these are {height} px high and {width} px wide"
        if message is not None:
            self.add(field, "architecture_fits_images", architecture, message)

    def strategy(self, field: str, strategy: str) -> None:
        """Require what `method.augmentation` knows."""
        try:
            parse_strategy(strategy)
        except ValueError:
            families = ", ".join(sorted(FAMILIES))
            message = (
                f"an augmentation is `none`, `{RESIZED_CROP}:A` with A above 0 and at most 1, or some of {families} "
                "joined by underscores"
            )
            self.add(field, "is_dsa_strategy", strategy, message)
