"""The numbers of the paper (`method.paper`), as presets show them."""

from collections.abc import Sequence
from dataclasses import asdict

from api_schemas.presets import PaperClaim, PaperResult
from method import paper


def results_of(cells: Sequence[paper.Cell]) -> list[PaperResult]:
    """Return the cells of tables that are numbers of arms, those of one set and the same networks together."""
    rows: dict[tuple[object, ...], list[paper.Cell]] = {}
    for cell in cells:
        if cell.arm:
            place = (cell.table, cell.method, cell.class_map, cell.ipc, cell.model)
            rows.setdefault(place, []).append(cell)
    return [_result(row) for row in rows.values()]


def claims_about(experiment: str) -> list[PaperClaim]:
    """Return what the text says in numbers about a table or figure."""
    shown = set(PaperClaim.model_fields)
    return [
        PaperClaim.model_validate({name: value for name, value in asdict(claim).items() if name in shown})
        for claim in paper.CLAIMS
        if claim.experiment == experiment
    ]


def _result(cells: Sequence[paper.Cell]) -> PaperResult:
    first = cells[0]
    return PaperResult(
        method=first.method,
        class_map=first.class_map,
        resolution=first.resolution,
        ipc=first.ipc,
        k=first.k,
        architectures=list(first.architectures),
        arms={cell.arm: cell.mean for cell in cells},
        stds={cell.arm: cell.std for cell in cells if cell.std is not None},
        remarks=list(dict.fromkeys(cell.remark for cell in cells if cell.remark is not None)),
        source=first.table,
    )
