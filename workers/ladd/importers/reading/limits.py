"""How much an upload may make us read, hold or write. Each limit bounds what a small hostile file can cost."""

MiB = 1024**2
GiB = 1024**3

RATIO = 50
"""Inflated over compressed bytes; images and arrays of images stay below 10."""
RATIO_FREE_BYTES = 64 * MiB
"""The ratio is judged only above this, so that small, very regular files pass (the Python Package Index's rule)."""
INFLATED_BYTES = 32 * GiB
"""All members of one archive together."""
STORED_BYTES = 32 * GiB
"""Decoded pixels of one set: a PNG of one colour inflates a thousandfold within its image format."""
MEMBERS = 2_000_000
"""Files in one tar; ImageNet-1K has 1.3 million."""
ZIP_MEMBERS = 500_000
"""Members of one zip, each held in memory as an object of 0.6 KB. Larger sets come as tar."""
CENTRAL_DIRECTORY_BYTES = 64 * MiB
"""Zip index, held in memory."""
MEMBER_BYTES = 64 * MiB
"""One encoded image, held in memory."""
IMAGE_PIXELS = 25_000_000
"""Width x height of one encoded image, by its header: 75 MB decoded, 300 MB as float32."""
ASPECT_RATIO = 16
"""Longer over shorter side: a resize by the shorter side multiplies the longer one too."""
CLASSES = 25_000
"""Classes of one set; ImageNet-21K has 21,841."""
ARRAYS = 1000
"""Arrays of one `.npz`: a set has six and a few numbers."""
NAME_LENGTH = 1024
"""Characters of a class name."""
PICKLE_BYTES = 4 * MiB
"""The index of a `.pt` file; that of a tensor pair has about 200 bytes."""
HEADER_BYTES = 64 * 1024
"""Names and attributes before a tar member."""
