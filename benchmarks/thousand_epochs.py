r"""The paper's 1,000 epochs on real data, through the service: what LADD gains once networks have learned.

    python benchmarks/repack_cifar10.py cifar10_jpegblob.npz /tmp/cifar10.tar
    python -m stack up
    python benchmarks/thousand_epochs.py --url $LADD_URL --cifar10 /tmp/cifar10.tar --distilled distilled
    python benchmarks/thousand_epochs.py                      # the tables alone, of what is there

Each part of `thousand_epochs_parts.py` is a job for each seed, of one trial of each arm: `random` draws other images
with every seed. Two jobs at a time; what has ended is kept in `results/thousand_epochs.json`, and another call goes on
from there, with the same service or another: what sets and jobs are called there is in a file beside it, which is no
result. The whole is days of a laptop, so the most telling parts come first. The first job of a labeler trains it;
others are begun when that is there.
"""

import argparse
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ladd_client.api import LaddClient
from ladd_client.errors import ProblemError
from over_http import upload
from thousand_epochs_parts import CONTROLS, PARTS, SETS, SOURCES, Part
from thousand_epochs_tables import tables

from api_schemas.datasets import DatasetMetadata
from api_schemas.jobs import JobState
from api_schemas.problems import ErrorCode
from api_schemas.report_tables import ran_on

RESULTS = Path(__file__).with_name("results") / "thousand_epochs.json"
AT_ONCE = 2
PAUSE_SECONDS = 15


class Run(NamedTuple):
    """A job of a part."""

    part: Part
    seed: int

    @property
    def name(self) -> str:
        """What it is called among the jobs of a service."""
        return f"{self.part.name}, seed {self.seed}, {' '.join(self.part.arms)}"


def main() -> None:
    """Run what is not there yet, then print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running service; without, the tables alone")
    parser.add_argument("--cifar10", type=Path, help="tar of class folders, from repack_cifar10.py")
    parser.add_argument("--imagenette", type=Path, nargs="+", help="tars of class folders, train/ and val/")
    parser.add_argument("--distilled", type=Path, help="folder of the distilled sets")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no job after so long")
    asked = parser.parse_args()
    kept = json.loads(asked.out.read_text()) if asked.out.exists() else {"rows": {}}
    services = _services(asked.out, kept)
    if asked.url:
        with LaddClient(asked.url) as client:
            _Runs(client, asked, kept, services).run()
    text = tables(kept, list(dict.fromkeys(part.name for part in PARTS)), CONTROLS)
    asked.out.with_suffix(".md").write_text(text)
    print(text)


def _services(out: Path, kept: dict[str, Any]) -> dict[str, dict[str, str]]:
    """{URL: what the sets and the unfinished jobs are called there}, also of when results had them."""
    path = _services_file(out)
    former: dict[str, dict[str, str]] = kept.pop("services", {})
    return {**former, **(json.loads(path.read_text()) if path.exists() else {})}


def _services_file(out: Path) -> Path:
    return out.with_suffix(".services.json")


class _Runs:
    """The jobs of the parts, at one service."""

    def __init__(
        self,
        client: LaddClient,
        asked: argparse.Namespace,
        kept: dict[str, Any],
        services: dict[str, dict[str, str]],
    ) -> None:
        self._client, self._asked, self._kept, self._services = client, asked, kept, services
        self._ids = services[asked.url] = {
            name: id for name, id in services.get(asked.url, {}).items() if self._knows(id)
        }
        self._trained: set[str] = set()
        self._write()

    def _knows(self, id: str) -> bool:
        """Whether the service has such a set or job: one that was set up anew has none."""
        try:
            _ = self._client.dataset(id) if id.startswith("ds_") else self._client.job(id)
        except ProblemError as error:
            if error.problem.code is not ErrorCode.NOT_FOUND:
                raise
            return False
        return True

    def run(self) -> None:
        started = time.monotonic()
        pending = [run for part in PARTS for run in self._missing(part)]
        active: list[Run] = []
        while pending or active:
            while pending and len(active) < AT_ONCE and time.monotonic() - started < self._asked.seconds:
                if self._trains_labeler(pending[0].part, active):
                    break
                active.append(pending.pop(0))
                self._begin(active[-1])
            if not active:
                return
            time.sleep(PAUSE_SECONDS)
            active = [run for run in active if not self._is_done(run)]

    def _trains_labeler(self, part: Part, active: Iterable[Run]) -> bool:
        """Whether the part's labeler may be under way in another job: two would train it twice."""
        if part.labeler in self._trained or all(run.part.labeler != part.labeler for run in active):
            return False
        usual = not {"labeler", "labeler_seeds"} & set(part.labels)
        source = self._ids.get(SETS[part.set][0])
        return not (usual and any(labeler.source_dataset == source for labeler in self._client.labelers()))

    def _missing(self, part: Part) -> Iterator[Run]:
        source, _ = SETS[part.set]
        if getattr(self._asked, source) is None:
            return
        for seed in part.seeds:
            done = self._kept["rows"].get(part.name, {})
            if not all(str(seed) in done.get(arm, {}) for arm in part.arms):
                yield Run(part, seed)

    def _begin(self, run: Run) -> None:
        if run.name in self._ids:
            return
        part = run.part
        evaluation = {
            "arms": part.arms,
            "architectures": [part.architecture],
            "trials": 1,
            "seed": run.seed,
            "overrides": part.all_overrides,
        }
        params = {"dataset": self._set(part.set), "evaluation": evaluation, **part.labels}
        job = self._client.submit({"kind": "ladd", "params": params, "tags": {"evidence": part.set}})
        self._remember(run.name, job.id)

    def _is_done(self, run: Run) -> bool:
        part, job = run.part, self._client.job(self._ids[run.name])
        if job.state in (JobState.FAILED, JobState.CANCELED):
            # Another call begins it anew.
            del self._ids[run.name]
            self._write()
            raise SystemExit(f"{run.name}: {job.id} {job.state}: {job.error}")
        if job.state is not JobState.SUCCEEDED:
            return False
        report = self._client.report(job.id)
        assert report.evaluation is not None
        rows = self._kept["rows"].setdefault(part.name, {})
        for row in report.evaluation.rows:
            [trial] = row.trials
            about = trial.model_dump(include={"accuracy", "correct", "seconds", "per_class_accuracy"})
            about |= {"last_loss": trial.losses[-1], "flops": row.flops, "recipe": row.recipe}
            rows.setdefault(row.arm, {})[str(run.seed)] = about | {"measured_on": ran_on(report)}
        self._kept.setdefault("test_images", {})[part.name] = report.evaluation.test_images
        self._note_labeler(part, job.result.labeler if job.result else None)
        self._trained.add(part.labeler)
        del self._ids[run.name]
        self._write()
        print(time.strftime("%H:%M"), run.name, {row.arm: row.mean for row in report.evaluation.rows}, flush=True)
        return True

    def _note_labeler(self, part: Part, labeler: str | None) -> None:
        if labeler is not None:
            epochs = self._client.labeler(labeler).epochs
            recipe = part.labels.get("labeler")
            name = SETS[part.set][0] + (f" {json.dumps(recipe)}" if recipe else "")
            self._kept.setdefault("labelers", {})[name] = {str(row.epoch): row.val_accuracy for row in epochs}

    def _set(self, name: str) -> str:
        if name not in self._ids:
            source, file = SETS[name]
            about = {"name": name, "role": "distilled", "source_dataset": self._source(source)}
            metadata = DatasetMetadata.model_validate(about | {"normalization": SOURCES[source][1]})
            self._remember(name, upload(self._client, metadata, [self._asked.distilled / file]).id)
        return self._ids[name]

    def _source(self, source: str) -> str:
        if source not in self._ids:
            name, normalization = SOURCES[source]
            metadata = DatasetMetadata.model_validate({"name": name, "role": "source", "normalization": normalization})
            files = getattr(self._asked, source)
            self._remember(source, upload(self._client, metadata, files if isinstance(files, list) else [files]).id)
        return self._ids[source]

    def _remember(self, key: str, found: str) -> None:
        self._ids[key] = found
        self._write()

    def _write(self) -> None:
        _services_file(self._asked.out).write_text(json.dumps(self._services, indent=1, sort_keys=True) + "\n")
        self._asked.out.write_text(json.dumps(self._kept, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
