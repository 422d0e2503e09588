"""Which test images a network got right, as text: one bit an image."""

import base64

import numpy as np
from numpy.typing import NDArray


def pack_answers(right: NDArray[np.bool_]) -> str:
    """Return base64 of one bit for each image, the first one the highest bit of the first byte (`numpy.packbits`)."""
    return base64.b64encode(np.packbits(right).tobytes()).decode()


def unpack_answers(text: str, images: int) -> NDArray[np.bool_]:
    """Return bool [images]. Raises ValueError for a text of another number of images."""
    packed = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
    if len(packed) != (images + 7) // 8:
        raise ValueError(f"answers must be of {images} images; got {len(packed)} bytes")
    return np.unpackbits(packed, count=images).astype(bool)
