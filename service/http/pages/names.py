"""Names of what is known by its id."""

from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.resources import datasets


def set_name(core: Core, dataset_id: str) -> str:
    """Return the name of a set, its id where it is gone."""
    try:
        return datasets.manifest_of(core, dataset_id).name
    except ServiceError:
        return dataset_id
