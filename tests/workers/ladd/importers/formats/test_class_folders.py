"""Archives of class folders: splits, names, colours."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from api_schemas.problems import Reason
from workers.ladd.importers import Imported, ImportOptions, read_upload
from workers.ladd.importers.formats import class_folders
from workers.ladd.importers.reading import limits

Archiving = Callable[[str, Mapping[str, bytes]], Path]
Encoding = Callable[..., bytes]
Reading = Callable[..., Imported]
Refusal = Callable[..., Reason]

ARCHIVES = ["set.zip", "set.tar", "set.tar.gz"]


@pytest.fixture
def colors(encoded: Encoding) -> Callable[..., dict[str, bytes]]:
    """PNG files by name, the k-th of them all red k."""

    def paint(*names: str, **options: object) -> dict[str, bytes]:
        return {name: encoded(color=(red, 0, 0), **options) for red, name in enumerate(names)}

    return paint


Coloring = Callable[..., dict[str, bytes]]


def reds(imported: Imported, split: str) -> list[int]:
    return [int(image[0, 0, 0]) for image in imported.splits[split].images]


@pytest.mark.parametrize("archive", ARCHIVES)
@pytest.mark.parametrize("top", ["", "./", "cifar/", "data/cifar/"])
def test_a_source_set(archived: Archiving, colors: Coloring, read: Reading, archive: str, top: str) -> None:
    names = ["train/dog/1.png", "train/cat/1.png", "train/dog/2.PNG", "val/cat/1.png", "val/dog/1.png"]
    imported = read(archived(archive, colors(*(top + name for name in names))), role="source")
    assert imported.class_names == ["cat", "dog"]
    assert reds(imported, "train") == [0, 1, 2]
    assert imported.splits["train"].labels.tolist() == [1, 0, 1]
    assert reds(imported, "val") == [3, 4]
    assert imported.splits["val"].labels.tolist() == [0, 1]
    assert not imported.warnings


@pytest.mark.parametrize("archive", ARCHIVES)
def test_a_distilled_set(archived: Archiving, colors: Coloring, read: Reading, archive: str) -> None:
    imported = read(archived(archive, colors("syn/new001/a.png", "syn/new000/a.png")))
    assert list(imported.splits) == ["all"]
    assert imported.class_names == ["new000", "new001"]
    assert imported.splits["all"].labels.tolist() == [1, 0]


def test_splits_may_come_in_files_of_their_own(archived: Archiving, colors: Coloring, read: Reading) -> None:
    train = archived("train.tar", colors("a/train/x/1.png", "a/train/y/1.png"))
    val = archived("val.zip", colors("validation/y/1.png", "validation/x/1.png"))
    imported = read(train, val, role="source")
    assert {name: split.labels.tolist() for name, split in imported.splits.items()} == {"train": [0, 1], "val": [1, 0]}


def test_test_stands_in_for_val(archived: Archiving, colors: Coloring, read: Reading) -> None:
    names = ["test/x/1.png", "test/y/1.png", "train/x/1.png", "train/y/1.png"]
    imported = read(archived("set.tar", colors(*names)), role="source")
    assert reds(imported, "val") == [0, 1]
    assert imported.warnings == ["there is no val split: evaluation uses test"]


def test_val_is_taken_before_test(archived: Archiving, colors: Coloring, read: Reading, tmp_path: Path) -> None:
    names = [f"{split}/{folder}/1.png" for split in ("test", "train", "val") for folder in "xy"]
    imported = read(archived("set.tar", colors(*names)), role="source")
    assert reds(imported, "val") == [4, 5]
    assert imported.warnings == ["the test split was left out: evaluation uses val"]
    assert not (tmp_path / "scratch" / "test.npy").exists()


def test_all_gray_images_keep_one_channel(archived: Archiving, encoded: Encoding, read: Reading) -> None:
    members = {f"{folder}/1.png": encoded(mode="L", color=gray) for folder, gray in (("a", 7), ("b", 9))}
    images = read(archived("set.zip", members)).splits["all"].images
    assert images.shape == (2, 8, 8, 1)
    assert images[:, 0, 0, 0].tolist() == [7, 9]


def test_one_colour_image_makes_all_rgb(archived: Archiving, encoded: Encoding, read: Reading) -> None:
    members = {"a/1.png": encoded(mode="L", color=7), "b/1.png": encoded(color=(1, 2, 3))}
    images = read(archived("set.zip", members)).splits["all"].images
    assert images[:, 0, 0].tolist() == [[7, 7, 7], [1, 2, 3]]


def test_files_that_are_not_images_are_left_out(archived: Archiving, colors: Coloring, read: Reading) -> None:
    members = {**colors("a/1.png", "b/1.png"), "README.txt": b"hello", "a/.DS_Store": b"", "__MACOSX/a/._1.png": b""}
    imported = read(archived("set.zip", members))
    assert len(imported.splits["all"].labels) == 2
    assert imported.warnings == ["1 files are not images, such as set.zip/README.txt"]


def test_progress_reaches_the_size_of_the_upload(
    archived: Archiving, colors: Coloring, read: Reading, tmp_path: Path
) -> None:
    paths = [archived(f"{folder}.tar", colors(*(f"{folder}/{k}.png" for k in range(20)))) for folder in "ab"]
    seen: list[int] = []
    read_upload(paths, ImportOptions(name="set", role="distilled"), tmp_path, seen.append)
    assert seen == sorted(seen)
    assert len(seen) == 40
    assert sum(path.stat().st_size for path in paths[:1]) < seen[-1] <= sum(path.stat().st_size for path in paths)


def test_images_of_mixed_sizes_are_refused(archived: Archiving, encoded: Encoding, refused: Refusal) -> None:
    path = archived("set.zip", {"a/1.png": encoded(8, 8), "a/2.png": encoded(8, 9), "b/1.png": encoded(8, 8)})
    reason = refused(path)
    assert reason.rule == "one_image_size"
    assert reason.location == "set.zip/a/2.png"
    assert reason.value == "8x9 and 8x8"
    assert "set.zip/a/1.png is 8x8" in reason.message


@pytest.mark.parametrize("how", ["center_crop", "squash"])
def test_a_resolution_brings_them_to_one_size(archived: Archiving, encoded: Encoding, read: Reading, how: str) -> None:
    """32x16, black but for the right quarter: squashed it stays, cropped it goes."""
    wide = np.zeros((16, 32, 3), np.uint8)
    wide[:, 24:] = 255
    path = archived("set.zip", {"a/1.png": encoded(pixels=wide), "b/1.png": encoded(8, 8)})
    images = read(path, resolution=16, resize=how).splits["all"].images
    assert images.shape == (2, 16, 16, 3)
    assert (images[0].max() == 255) == (how == "squash")


@pytest.mark.parametrize(
    ("role", "name"),
    [("distilled", "1.png"), ("source", "x/1.png"), ("source", "other/x/1.png"), ("source", "train/x/deep/1.png")],
)
def test_images_outside_class_folders_are_refused(
    archived: Archiving, colors: Coloring, refused: Refusal, role: str, name: str
) -> None:
    reason = refused(archived("set.zip", colors(name)), role=role)
    assert reason.rule == "class_folder_layout"
    assert reason.location == f"set.zip/{name}"


def test_class_folders_in_two_places_are_refused(archived: Archiving, colors: Coloring, refused: Refusal) -> None:
    reason = refused(archived("set.zip", colors("train/x/1.png", "val/x/1.png")))
    assert reason.rule == "class_folder_layout"


def test_a_class_map_gives_the_order(archived: Archiving, colors: Coloring, read: Reading) -> None:
    path = archived("set.zip", colors("a/1.png", "b/1.png", "c/1.png"))
    imported = read(path, class_map=["c", "a", "b"])
    assert imported.class_names == ["c", "a", "b"]
    assert imported.splits["all"].labels.tolist() == [1, 2, 0]


@pytest.mark.parametrize("given", [["a"], ["a", "b", "c"], ["a", "a"], ["a", "x"]], ids=str)
def test_a_class_map_of_other_folders_is_refused(
    archived: Archiving, colors: Coloring, refused: Refusal, given: list[str]
) -> None:
    reason = refused(archived("set.zip", colors("a/1.png", "b/1.png")), class_map=given)
    assert reason.rule == "class_map_matches_folders"
    assert reason.location == "metadata.class_map"


def test_rded_as_it_is_published(archived: Archiving, colors: Coloring, read: Reading) -> None:
    """`syn_data/{class:05d}/class{class:05d}_id{id:05d}.jpg`, in whatever order the archive has them."""
    names = [f"syn_data/{label:05d}/class{label:05d}_id{id:05d}.jpg" for id in range(2) for label in (3, 1, 0, 2)]
    imported = read(archived("rded.tar", colors(*names, kind="JPEG")), class_map=list("abcd"))
    assert (imported.format, imported.class_names) == ("rded", ["a", "b", "c", "d"])
    assert imported.splits["all"].labels.tolist() == [3, 1, 0, 2] * 2


def test_sre2l_as_it_is_published(archived: Archiving, colors: Coloring, read: Reading) -> None:
    """`new{class:03d}/class{class:03d}_id{ipc:03d}.jpg`; LPLD's images are the same."""
    names = [f"syn/new{label:03d}/class{label:03d}_id000.jpg" for label in (2, 0, 1)]
    for format in ("auto", "sre2l", "lpld"):
        imported = read(archived("sre2l.tar", colors(*names, kind="JPEG")), format=format)
        assert imported.format == "sre2l"
        assert imported.splits["all"].labels.tolist() == [2, 0, 1]


def test_classes_that_differ_between_splits_are_refused(
    archived: Archiving, colors: Coloring, refused: Refusal
) -> None:
    reason = refused(archived("set.tar", colors("train/x/1.png", "train/y/1.png", "val/x/1.png")), role="source")
    assert reason.rule == "splits_share_classes"
    assert reason.value == "y"


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_source_set_needs_both_splits(archived: Archiving, colors: Coloring, refused: Refusal, split: str) -> None:
    reason = refused(archived("set.tar", colors(f"{split}/x/1.png", f"{split}/y/1.png")), role="source")
    assert reason.rule == "source_has_train_and_val"
    assert reason.value == split


@pytest.mark.parametrize("members", [{"a/readme.txt": b"text"}, {}], ids=["no images", "no files"])
def test_an_archive_without_images_is_refused(archived: Archiving, refused: Refusal, members: dict[str, bytes]) -> None:
    assert refused(archived("set.zip", members)).rule == "not_empty"


def test_a_broken_image_is_named(archived: Archiving, encoded: Encoding, refused: Refusal) -> None:
    reason = refused(archived("set.tar", {"a/1.png": encoded(), "a/2.png": encoded()[:45]}))
    assert (reason.rule, reason.location) == ("readable_image", "set.tar/a/2.png")


def test_the_decoded_size_has_a_limit(
    archived: Archiving, colors: Coloring, refused: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STORED_BYTES", 8 * 8 * 3)
    assert refused(archived("set.zip", colors("a/1.png", "b/1.png"))).rule == "stored_size"


def test_the_number_of_classes_has_a_limit(
    archived: Archiving, colors: Coloring, refused: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLASSES", 1)
    assert refused(archived("set.zip", colors("a/1.png", "b/1.png"))).rule == "class_count"


WNIDS = ("n01443537", "n01629819")
TINY = [f"tiny-imagenet-200/train/{c}/images/{c}_{i}.JPEG" for c in WNIDS for i in range(2)]
TINY_VAL = [f"tiny-imagenet-200/val/images/val_{i}.JPEG" for i in range(4)]
ANNOTATIONS = "".join(f"val_{i}.JPEG\t{WNIDS[i % 2]}\t0\t0\t63\t63\n" for i in range(4)).encode()


@pytest.mark.parametrize("archive", ARCHIVES)
@pytest.mark.parametrize("first", [True, False], ids=["list first", "list last"])
def test_tiny_imagenet_as_it_is_published(
    archived: Archiving, colors: Coloring, read: Reading, archive: str, first: bool
) -> None:
    images = colors(*TINY, *TINY_VAL, "tiny-imagenet-200/test/images/test_0.JPEG")
    boxes = {f"tiny-imagenet-200/train/{c}/{c}_boxes.txt": f"{c}_0.JPEG\t0\t10\t63\t58\n".encode() for c in WNIDS}
    notes = {"tiny-imagenet-200/val/val_annotations.txt": ANNOTATIONS, "tiny-imagenet-200/wnids.txt": b"n01443537\n"}
    members = notes | boxes | images if first else images | boxes | notes
    imported = read(archived(archive, members), role="source")
    assert imported.class_names == list(WNIDS)
    assert imported.splits["train"].labels.tolist() == [0, 0, 1, 1]
    assert imported.splits["val"].labels.tolist() == [0, 1, 0, 1]
    assert reds(imported, "val") == [4, 5, 6, 7]
    place = f"{archive}/tiny-imagenet-200/val/val_annotations.txt"
    assert f"the classes of val are those of {place}" in imported.warnings
    assert "1 images of test were left out, as no list has their classes" in imported.warnings
    assert sum("are not images" in warning for warning in imported.warnings) == 1


@pytest.mark.parametrize("beside", [True, False])
def test_ilsvrc_as_it_is_published(
    archived: Archiving, colors: Coloring, read: Reading, tmp_path: Path, beside: bool
) -> None:
    """Kaggle's layout; ImageSets' `val.txt` numbers the images, which are no classes."""
    top = "ILSVRC/Data/CLS-LOC"
    val = [f"{top}/val/ILSVRC2012_val_0000000{i}.JPEG" for i in range(2)]
    members = colors(*(f"{top}/train/{c}/{c}_1.JPEG" for c in WNIDS), *val)
    members["ILSVRC/ImageSets/CLS-LOC/val.txt"] = b"ILSVRC2012_val_00000000 1\nILSVRC2012_val_00000001 2\n"
    solution = (
        "ImageId,PredictionString\n"
        f"ILSVRC2012_val_00000000,{WNIDS[1]} 85 1 499 272 {WNIDS[1]} 3 4 5 6 \n"
        f"ILSVRC2012_val_00000001,{WNIDS[0]} 1 2 3 4 \n"
    ).encode()
    files = []
    if beside:
        (tmp_path / "LOC_val_solution.csv").write_bytes(solution)
        files.append(tmp_path / "LOC_val_solution.csv")
    else:
        members["LOC_val_solution.csv"] = solution
    imported = read(archived("imagenet.tar", members), *files, role="source")
    assert imported.splits["val"].labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("train", "val"), [("training", "validation"), ("TRAIN", "Testing"), ("Train", "Valid"), ("training_set", "")]
)
def test_other_words_for_splits(
    archived: Archiving, colors: Coloring, read: Reading, refused: Refusal, train: str, val: str
) -> None:
    path = archived("set.zip", colors(*(f"{split}/{c}/1.png" for split in (train, val) if split for c in "ab")))
    if val:
        assert {name: len(split.labels) for name, split in read(path, role="source").splits.items()} == {
            "train": 2,
            "val": 2,
        }
    else:
        assert refused(path, role="source").rule == "class_folder_layout"


def test_a_misspelt_split_gets_the_word_that_was_meant(archived: Archiving, colors: Coloring, refused: Refusal) -> None:
    reason = refused(archived("set.zip", colors("trian/a/1.png")), role="source")
    assert reason.rule == "class_folder_layout"
    assert "did you mean train or training?" in reason.message


@pytest.mark.parametrize(
    ("notes", "why"),
    [
        ({}, "no list is there that has their classes"),
        ({"val/val_annotations.txt": b"0.png\tother\n"}, "set.zip/val/val_annotations.txt does not give each"),
        ({"val/val_annotations.txt": b"\xff\xfe\0"}, "does not give each"),
    ],
    ids=["no list", "other classes", "no text"],
)
def test_a_flat_val_split_needs_its_list(
    archived: Archiving, colors: Coloring, refused: Refusal, notes: dict[str, bytes], why: str
) -> None:
    members = colors("train/a/1.png", "train/b/1.png", "val/0.png", "val/1.png") | notes
    reason = refused(archived("set.zip", members), role="source")
    assert (reason.rule, reason.value) == ("class_folder_layout", "val/0")
    assert why in reason.message
    assert "LOC_val_solution.csv" in reason.message


def test_a_split_is_in_class_folders_or_in_one(archived: Archiving, colors: Coloring, refused: Refusal) -> None:
    members = colors("train/a/1.png", "train/b/1.png", "val/a/1.png", "val/b/1.png", "val/1.png")
    members["val.txt"] = b"1.png a\n"
    assert refused(archived("set.zip", members), role="source").rule == "class_folder_layout"


def test_a_distilled_set_may_have_a_folder_in_each_class(archived: Archiving, colors: Coloring, read: Reading) -> None:
    imported = read(archived("set.zip", colors("set/a/images/1.png", "set/b/images/1.png")))
    assert imported.class_names == ["a", "b"]


def test_a_list_has_a_limit(
    archived: Archiving, colors: Coloring, refused: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_folders, "LIST_BYTES", 3)
    members = colors("train/a/1.png", "val/1.png") | {"val.txt": b"1.png a\n"}
    assert refused(archived("set.zip", members), role="source").rule == "member_size"


def test_an_archive_of_other_files_shows_some(archived: Archiving, refused: Refusal) -> None:
    reason = refused(archived("set.zip", {"README.md": b"x", "a/notes.txt": b"y"}))
    assert reason.rule == "not_empty"
    assert reason.message.endswith("set.zip holds 2 other files, such as set.zip/README.md, set.zip/a/notes.txt")
