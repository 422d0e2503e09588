"""The classes of ImageNette that the paper calls hard to classify (section 4.4), at GLaD-MTT and 5 images per class.

Which network was tested is not said; the section is about the networks of its Figure 4, whose name it does not give.
"""

METHOD, CLASS_MAP, IPC = "GLaD-MTT", "imagenette", 5
HARD_CLASSES = {
    491: (32, 56),  # chain saw
    566: (36, 60),  # French horn
    571: (32, 40),  # gas pump
    574: (40, 56),  # golf ball
}
"""{ImageNet index: accuracy in percent of (the baseline, LADD)}."""
