"""Write the dense labels of a distilled set and pack the archive."""

from pathlib import Path

from api_schemas.runner import DoneEvent, RunnerTask
from workers.ladd.accounting import labelling_flops
from workers.ladd.archive import write_archive
from workers.ladd.dense_labels import generate_dense_labels, load_labeler
from workers.ladd.stored_set import load_distilled
from workers.ladd.storage import storage
from workers.ladd.views import ViewGrid
from workers.runner.reporter import Reporter
