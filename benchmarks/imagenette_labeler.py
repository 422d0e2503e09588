"""Ingest ImageNette-128 as a tar over HTTP and train its labeler: accuracy by epoch.

    python benchmarks/imagenette_labeler.py --source imagenette128.tar --epochs 10

`--source` may be given twice, for a train and a val tar. Writes `results/imagenette128_labeler.json` and `.md`.
One epoch of ConvNetD5 is 48 TFLOP: minutes on a GPU-less machine's core per thousand images.
"""

import argparse
from pathlib import Path

from ladd_client.tables import text_table
from over_http import run, service, upload, write

from api_schemas.datasets import DatasetMetadata, DatasetRole
from api_schemas.jobs import JobKind, TrainLabelerParams, TrainLabelerRequest

CAVEATS = [
    "ImageNette in fastai's split (9,469 / 3,925 images), not ILSVRC's; its aspect ratio was squashed to 128 x 128 "
    "and it was JPEG-coded twice. Papers' ImageNette-128 numbers are not exactly comparable.",
    "One training, one seed.",
]


def main() -> None:
    """Read the command line, run the job and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, action="append", required=True)
    parser.add_argument("--url", help="a running service; default: a stack of its own")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--name", default="imagenette128_labeler")
    asked = parser.parse_args()
    with service(asked.url) as client:
        source = upload(
            client,
            DatasetMetadata(name="ImageNette-128", role=DatasetRole.SOURCE, normalization="imagenet"),
            asked.source,
        )
        assert source.stats is not None
        params = TrainLabelerParams(
            source_dataset=source.id,
            epochs=asked.epochs,
            lr=asked.lr,
            checkpoint_epochs=list(range(1, asked.epochs + 1)),
        )
        job = run(client, TrainLabelerRequest(kind=JobKind.TRAIN_LABELER, params=params))
        assert job.result is not None
        assert job.result.labeler is not None
        labeler = client.labeler(job.result.labeler)
    header = ["epoch", "train loss", "train %", "val %", "val entropy (nats)", "seconds"]
    rows = [
        [
            str(row.epoch),
            f"{row.train_loss:.3f}",
            f"{row.train_accuracy:.2f}",
            f"{row.val_accuracy:.2f}",
            f"{row.mean_entropy:.3f}",
            f"{row.seconds:.0f}",
        ]
        for row in labeler.epochs
    ]
    table = text_table(header, rows)
    document = {
        "source": source.stats.model_dump(mode="json"),
        "labeler": labeler.model_dump(mode="json"),
        "seconds": [row.seconds for row in labeler.epochs],
    }
    write(asked.name, CAVEATS, document, table)
    print(table)


if __name__ == "__main__":
    main()
