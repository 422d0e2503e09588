"""The cells of a job's notebook, one after another as they run there: `ladd_client.notebook` takes them from here.

`# %%` begins a cell and `[archive]` or `[figure NAME]` says that it is for jobs with one. Needs matplotlib and numpy.
"""

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from api_schemas.evaluation import Report
from ladd_client.api import LaddClient
from ladd_client.archive import read_archive
from method.views import crop_offsets, crop_side

# %% [names]
JOB, DATASET = "", ""

# %% [markdown]
# `report.json` and the archive are fetched once, with `LADD_URL` and `LADD_API_KEY` as the `ladd` command takes them,
# and lie beside this notebook from then on.

# %%
kept = Path(f"{JOB}.report.json")
if not kept.exists():
    with LaddClient() as client:
        kept.write_text(client.report(JOB).model_dump_json(), encoding="utf-8")
report = Report.model_validate_json(kept.read_text(encoding="utf-8"))
figures = {figure.name: figure.data for figure in report.figures}
for note in report.notes:
    print("note:", note)

# %% [table]
assert report.evaluation is not None
for row in report.evaluation.rows:
    print(f"{row.arm:20} {row.architecture:12} {row.mean:6.2f} ± {row.std:.2f} %, {len(row.trials)} trials")

# %% [markdown archive]
# ## The archive
# Images as stored, each with its label, then views of the first with the classes that the labeler sees in them.

# %% [archive]
zipped = Path(f"{DATASET}.zip")
if not zipped.exists():
    with LaddClient() as client:
        client.download_archive(DATASET, zipped)
archive = read_archive(zipped)
manifest = archive.manifest
names = manifest["classes"]
pixels = archive.images
if pixels.dtype != np.uint8:
    pixels, told = pixels.transpose(0, 2, 3, 1), manifest["normalization"]
    pixels = pixels * told["std"] + told["mean"] if told["applied"] else pixels
    pixels = pixels.clip(0, 1)
shown = np.unique(archive.labels, return_index=True)[1][:10]
_, axes = plt.subplots(1, len(shown), figsize=(1.2 * len(shown), 1.6), squeeze=False)
for place, index in zip(axes[0], shown, strict=True):
    place.imshow(pixels[index].squeeze(), cmap="gray")
    place.set_title(names[archive.labels[index]][:12].replace("$", r"\$"), fontsize=7)
    place.axis("off")
plt.show()

# %% [archive]
image = int(shown[0])
n, ratio, size = manifest["views"]["n"], manifest["views"]["ratio"], pixels.shape[1]
side, offsets = crop_side(ratio, size), crop_offsets(n, ratio, size)
_, axes = plt.subplots(len(offsets), len(offsets), figsize=(8, 9), squeeze=False)
for view, place in enumerate(axes.flat):
    top, left = offsets[view // len(offsets)], offsets[view % len(offsets)]
    likeliest = int(archive.dense_labels[image, view].argmax())
    place.imshow(pixels[image, top : top + side, left : left + side].squeeze(), cmap="gray")
    told = f"{names[likeliest][:12]} {archive.dense_labels[image, view, likeliest]:.0%}"
    place.set_title(told.replace("$", r"\$"), fontsize=7)
    place.axis("off")
plt.show()

# %% [figure accuracy]
data = figures["accuracy"]
for number, (series, points) in enumerate(data["series"].items()):
    for place, architecture in enumerate(data["architectures"]):
        if point := points.get(architecture):
            low, high = point["ci95"] or [point["mean"]] * 2
            reach = [[point["mean"] - low], [high - point["mean"]]]
            label = series if architecture == next(iter(points)) else None
            plt.errorbar(
                place + 0.1 * number, point["mean"], reach, fmt="o", capsize=3, color=f"C{number}", label=label
            )
plt.xticks(range(len(data["architectures"])), data["architectures"])
plt.ylabel("accuracy, %")
plt.legend()
plt.show()

# %% [figure paired_differences]
data = figures["paired_differences"]
for number, (series, points) in enumerate(data["series"].items()):
    for place, architecture in enumerate(data["architectures"]):
        if point := points.get(architecture):
            low, high = point["ci95"] or [point["difference"]] * 2
            reach = [[point["difference"] - low], [high - point["difference"]]]
            label = series if architecture == next(iter(points)) else None
            plt.errorbar(
                point["difference"], place + 0.1 * number, xerr=reach, fmt="o", color=f"C{number}", label=label
            )
plt.axvline(0, color="0.6")
plt.yticks(range(len(data["architectures"])), data["architectures"])
plt.xlabel("points above the other arm, 95 % intervals")
plt.legend()
plt.show()

# %% [figure per_class]
data = figures["per_class"]
for shift, arm in ((-0.2, "baseline"), (0.2, "ladd")):
    places = [place + shift for place in range(len(data["rows"]))]
    plt.barh(places, [each[arm] for each in data["rows"]], 0.4, label=arm)
plt.yticks(range(len(data["rows"])), [each["name"].replace("$", r"\$") for each in data["rows"]])
plt.xlabel("accuracy, %")
plt.legend()
plt.show()

# %% [figure deployment_cost]
data = figures["deployment_cost"]
for point in data["points"]:
    plt.plot(point["flops"] / 1e15, point["mean"], "o")
    plt.annotate(f"{point['arm']}, {point['architecture']}", (point["flops"] / 1e15, point["mean"]), fontsize=7)
plt.xscale("log")
plt.xlabel("one trial, PFLOP")
plt.ylabel("accuracy, %")
plt.show()

# %% [figure preparation_cost]
data = figures["preparation_cost"]
for point in data["points"]:
    plt.plot(point["flops"] / 1e15, point["mean"], "o")
    plt.annotate(point["arm"], (point["flops"] / 1e15, point["mean"]), fontsize=7)
plt.xscale("log")
plt.xlabel("distillation, labeler and labelling, PFLOP")
plt.ylabel("k-CAE, %")
plt.show()

# %% [figure labeler_epochs]
data = figures["labeler_epochs"]
epochs = [each["epoch"] for each in data["epochs"]]
plt.plot(epochs, [each["train_accuracy"] for each in data["epochs"]], marker="o", label="accuracy on train")
plt.plot(epochs, [each["val_accuracy"] for each in data["epochs"]], marker="o", label="accuracy on val")
plt.xlabel("epoch of the labeler")
plt.ylabel("accuracy, %")
plt.legend()
plt.show()

# %% [figure example_answers]
data = figures["example_answers"]
for epoch, probabilities in zip(data["epochs"], data["probabilities"], strict=True):
    plt.plot(probabilities, marker="o", label=f"epoch {epoch}")
plt.xticks(range(len(data["names"])), [name.replace("$", r"\$") for name in data["names"]], rotation=45)
plt.ylabel(f"probability in the labeler's answer to image {data['image']}")
plt.legend()
plt.show()

# %% [figure sweep]
data = figures["sweep"]
swept = [" ".join(f"{name[0]}{point[name]:g}" for name in ("n", "ratio", "epoch")) for point in data["points"]]
for arm in sorted({arm for point in data["points"] for arm in point["cae"]}):
    plt.plot(swept, [point["cae"].get(arm, np.nan) for point in data["points"]], marker="o", label=arm)
for arm, cae in data["plain"].items():
    plt.axhline(cae, linestyle=":", color="black", label=f"{arm}, plain set")
plt.ylabel("k-CAE, %")
plt.legend()
plt.show()

# %% [figure grad_cam]
data = figures["grad_cam"]
lines, columns = len(data["images"]), len(data["panels"])
_, axes = plt.subplots(lines, columns, figsize=(1.5 * columns, 1.5 * lines), squeeze=False)
for column, panel in enumerate(data["panels"]):
    axes[0, column].set_title(f"{panel['architecture']}\n{panel['arm']}", fontsize=7)
    for line, heat in enumerate(panel["maps"]):
        axes[line, column].imshow(heat, "jet", vmin=0, vmax=1)
        axes[line, column].axis("off")
plt.show()
