"""Bytes of a set with dense labels and without."""

from api_schemas.base import Response


class StorageCount(Response):
    """Bytes of the plain and the augmented set; `overhead` is a fraction of the plain bytes."""

    plain_bytes: int
    augmented_bytes: int
    overhead: float


class EncodingCost(Response):
    """The price of one encoding of the dense labels: zipped bytes, as fractions of the images, and its loss."""

    encoding: str
    bytes: int
    overhead_raw: float
    overhead_zipped: float
    overhead_jpeg: float
    """Against the images as JPEG files of quality 75."""
    kl: float
    """Mean over the views of KL(float32, decoded), in nats."""
    total_variation: float


class Storage(Response):
    """`paper`: zipped uint8 images, labels and float32 dense labels; `stored`: the archive, in `encoding`."""

    paper: StorageCount
    raw: StorageCount
    stored: StorageCount
    encoding: str
    full_labels_bytes: int
    """Bytes of the labeler's soft labels of the whole images, which the counts leave out."""
    encodings: list[EncodingCost]
    plus: StorageCount | None = None
    """The bytes that the dense labels are weighed against: `plus_dataset`, with one image more of each class, in the
    place of the augmented set, counted as `paper` counts. Null where none was evaluated."""
