"""Label orders by name: which ImageNet class has which label in the subsets that distillation papers use.

MTT (`utils.py`, `Config`), GLaD and DD-Ranking number the classes of a subset by their place in these lists, most of
which are not sorted; `imagenet10` is IDC's (`misc/class100.txt`, the first ten lines). An ImageFolder numbers class
folders by sorted name instead, which for WordNet ids (WNIDs) is the order of ImageNet's own indices.
"""

from collections.abc import Collection

IMAGEFOLDER = "imagefolder"
"""The label order of sorted folder names."""

CLASS_MAPS: dict[str, tuple[tuple[int, str], ...]] = {
    "imagenette": (
        (0, "n01440764"),
        (217, "n02102040"),
        (482, "n02979186"),
        (491, "n03000684"),
        (497, "n03028079"),
        (566, "n03394916"),
        (569, "n03417042"),
        (571, "n03425413"),
        (574, "n03445777"),
        (701, "n03888257"),
    ),
    "imagewoof": (
        (193, "n02096294"),
        (182, "n02093754"),
        (258, "n02111889"),
        (162, "n02088364"),
        (155, "n02086240"),
        (167, "n02089973"),
        (159, "n02087394"),
        (273, "n02115641"),
        (207, "n02099601"),
        (229, "n02105641"),
    ),
    "imagefruit": (
        (953, "n07753275"),
        (954, "n07753592"),
        (949, "n07745940"),
        (950, "n07747607"),
        (951, "n07749582"),
        (957, "n07768694"),
        (952, "n07753113"),
        (945, "n07720875"),
        (943, "n07718472"),
        (948, "n07742313"),
    ),
    "imagemeow": (
        (281, "n02123045"),
        (282, "n02123159"),
        (283, "n02123394"),
        (284, "n02123597"),
        (285, "n02124075"),
        (291, "n02129165"),
        (292, "n02129604"),
        (290, "n02128925"),
        (289, "n02128757"),
        (287, "n02127052"),
    ),
    "imagesquawk": (
        (84, "n01806143"),
        (130, "n02007558"),
        (88, "n01818515"),
        (144, "n02051845"),
        (145, "n02056570"),
        (22, "n01614925"),
        (96, "n01843383"),
        (9, "n01518878"),
        (100, "n01860187"),
        (89, "n01819313"),
    ),
    "imageyellow": (
        (309, "n02206856"),
        (986, "n12057211"),
        (954, "n07753592"),
        (951, "n07749582"),
        (987, "n12144580"),
        (779, "n04146614"),
        (599, "n03530642"),
        (291, "n02129165"),
        (72, "n01773157"),
        (11, "n01531178"),
    ),
    "imagenet_a": (
        (255, "n02111129"),
        (376, "n02489166"),
        (984, "n11879895"),
        (364, "n02457408"),
        (500, "n03042490"),
        (986, "n12057211"),
        (333, "n02342885"),
        (576, "n03447447"),
        (148, "n02071294"),
        (135, "n02013706"),
    ),
    "imagenet_b": (
        (129, "n02006656"),
        (916, "n06359193"),
        (90, "n01820546"),
        (275, "n02116738"),
        (995, "n13044778"),
        (874, "n04487081"),
        (102, "n01872401"),
        (259, "n02112018"),
        (685, "n03841143"),
        (139, "n02025239"),
    ),
    "imagenet_c": (
        (565, "n03393912"),
        (94, "n01833805"),
        (554, "n03344393"),
        (535, "n03208938"),
        (92, "n01828970"),
        (392, "n02606052"),
        (291, "n02129165"),
        (136, "n02017213"),
        (324, "n02280649"),
        (11, "n01531178"),
    ),
    "imagenet_d": (
        (9, "n01518878"),
        (258, "n02111889"),
        (13, "n01534433"),
        (262, "n02112706"),
        (19, "n01592084"),
        (339, "n02389026"),
        (321, "n02276258"),
        (24, "n01622779"),
        (93, "n01829413"),
        (322, "n02277742"),
    ),
    "imagenet_e": (
        (816, "n04277352"),
        (96, "n01843383"),
        (100, "n01860187"),
        (145, "n02056570"),
        (739, "n03992509"),
        (713, "n03924679"),
        (783, "n04153751"),
        (76, "n01774750"),
        (688, "n03857828"),
        (326, "n02281787"),
    ),
    "imagenet10": (
        (452, "n02869837"),
        (64, "n01749939"),
        (374, "n02488291"),
        (236, "n02107142"),
        (993, "n13037406"),
        (176, "n02091831"),
        (882, "n04517823"),
        (904, "n04589890"),
        (503, "n03062245"),
        (74, "n01773797"),
    ),
}
"""{name: (ImageNet index, WNID) of label 0, 1, ...}."""


def wnids(name: str) -> list[str]:
    """Return the WNIDs of a subset in label order; raises KeyError for an unknown name."""
    return [wnid for _, wnid in CLASS_MAPS[name]]


def imagenet_indices(name: str) -> list[int]:
    """Return the ImageNet indices of a subset in label order; raises KeyError for an unknown name."""
    return [index for index, _ in CLASS_MAPS[name]]


def subset_with(names: Collection[str]) -> str | None:
    """Return the subset that has exactly these WNIDs, in whatever order."""
    return next((subset for subset in CLASS_MAPS if set(wnids(subset)) == set(names)), None)
