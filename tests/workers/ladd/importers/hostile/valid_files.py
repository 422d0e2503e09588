"""Small uploads that every reader takes, to be damaged: {file name: bytes} by reader."""

import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save as save_safetensors
from torch import Tensor, nn

from workers.ladd.models import build_model

CLASSES, SIDE = 2, 8
LABELER: dict[str, int] = {"num_classes": 4, "channels": 3, "size": 16}
PIXELS = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8)
LABELS = np.array([0, 0, 1, 1])
FLOATS = torch.from_numpy(PIXELS.transpose(0, 3, 1, 2).astype(np.float32) / 255)
HARD = torch.from_numpy(LABELS)

Files = dict[str, bytes]


def saved(value: object, legacy: bool = False) -> bytes:
    """Return what torch.save writes, as a zip or as before torch 1.6."""
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def npz(**arrays: object) -> bytes:
    """Return an `.npz`."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    """Return an `.npy`."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def image(pixels: np.ndarray = PIXELS[0], kind: str = "PNG", **options: object) -> bytes:
    """Return an encoded image."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(members: Mapping[str, bytes], mode: str = "w") -> bytes:
    """Return a tar, compressed as `mode` says."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def folders(names: tuple[str, str] = ("ant", "bee")) -> dict[str, bytes]:
    """Return the members of an archive of two class folders, one image format each."""
    kinds = ("PNG", "JPEG", "WEBP", "BMP")
    return {
        f"{names[label]}/{index}.png": image(pixels, kind)
        for index, (pixels, label, kind) in enumerate(zip(PIXELS, LABELS, kinds, strict=True))
    }


def network_weights() -> dict[str, Tensor]:
    """Return the weights of a ConvNetD3 for `LABELER`."""
    return build_model("ConvNetD3", seed=0, **LABELER).state_dict()


@cache
def exported(features: int) -> bytes:
    """Return a `.pt2` of a network that answers `features` numbers."""
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, features)
    )
    program = torch.export.export(
        network.eval(), (torch.zeros(2, 3, 16, 16),), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)
    )
    with TemporaryDirectory() as folder:
        torch.export.save(program, Path(folder) / "network.pt2")
        return (Path(folder) / "network.pt2").read_bytes()


def _pair() -> Files:
    return {"images_best.pt": saved(FLOATS), "labels_best.pt": saved(HARD)}


def _dc() -> Files:
    return {"res_DC_x.pt": saved({"data": [[FLOATS, HARD]], "accs_all_exps": {"a": [np.float64(0.5)]}})}


def _soft(labels: Tensor) -> Callable[[], Files]:
    return lambda: {"images_best.pt": saved(FLOATS), "labels_best.pt": saved(labels)}


def _replay_buffer() -> Files:
    parameters = list(build_model("ConvNetD3", seed=0, **LABELER).parameters())
    return {"replay_buffer_0.pt": saved([[[p.detach() for p in parameters]] * 2])}


_PROBABILITIES = torch.tensor([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0.125, 0.875]])

VALID: dict[str, Callable[[], Files]] = {
    "mtt": _pair,
    "ast": lambda: {"images_best.pt": saved(FLOATS)},
    "glad": _pair,
    "tesla": _soft(_PROBABILITIES),
    "datm": _soft(_PROBABILITIES.log()),
    "dc": _dc,
    "dsa": _dc,
    "dm": _dc,
    "idc": lambda: {"data.pt": saved([FLOATS, HARD])},
    "torch": lambda: {"set.pt": saved({"images": FLOATS, "labels": HARD, "accs": np.ones(2)})},
    "npz": lambda: {"set.npz": npz(images=PIXELS, labels=LABELS, class_names=np.array(["ant", "bee"]))},
    "safetensors": lambda: {"set.safetensors": save_safetensors({"images": PIXELS, "labels": LABELS})},
    "class_folders": lambda: {"set.zip": zipped(folders(), zipfile.ZIP_DEFLATED)},
    "sre2l": lambda: {"set.tar": tarred(folders(("new000", "new001")))},
    "lpld": lambda: {"set.tar.gz": tarred(folders(("new000", "new001")), "w:gz")},
    "rded": lambda: {"set.tar": tarred(folders(("00000", "00001")))},
    "labeler:weights": lambda: {"network.pt": saved(network_weights())},
    "labeler:replay_buffer": _replay_buffer,
    "labeler:exported": lambda: {"network.pt2": exported(4)},
    "labeler:zero_shot": lambda: {"encoder.pt2": exported(6), "classes.npy": npy(np.ones((4, 6), np.float32))},
}
"""By reader; torchvision's takes no files."""

OPTIONS: dict[str, dict[str, object]] = {
    "ast": {"class_map": ["ant", "bee"]},
    "idc": {"factor": 2},
    "rded": {"class_map": "imagefolder"},
    "labeler:replay_buffer": {"trajectory": 0, "checkpoint_epochs": None},
}
"""The metadata a reader needs with its upload."""


@cache
def valid(reader: str) -> Mapping[str, bytes]:
    """Return the upload of a reader, made once."""
    torch.manual_seed(0)
    return VALID[reader]()


def bare_pickle(value: object, protocol: int = 2) -> bytes:
    """Return a pickle."""
    return pickle.dumps(value, protocol)
