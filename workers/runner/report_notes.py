"""Notes of a report: everything that a reader must know before quoting a number of it."""

from collections.abc import Sequence

from api_schemas.evaluation import Comparison, Evaluation, EvaluationRow
from api_schemas.labelling import Labelling
from api_schemas.report_inputs import names_of
from api_schemas.report_summary import judgement
from api_schemas.storage import EncodingCost
from method.arms import ARMS, BASELINE
from method.counted import counted
from method.normalizations import NORMALIZATIONS
from method.recipes import EPOCHS
from workers.ladd.evaluation.progressive import open_question
from workers.ladd.evaluation.rows import accuracies
from workers.ladd.evaluation.statistics import FEWEST_TRIALS
from workers.ladd.figures.found import Found
from workers.runner.protocol_notes import arm_notes, protocol_notes, rule_of

LARGE_OVERHEAD = 0.1
"""Zipped labels over zipped images above which the report speaks of it; the paper's own sets are at 0.02."""
KL_WITHIN_NOISE = 0.01
"""Mean KL in nats up to which a loss counts as within the noise of training.

No encoding below it cost CIFAR-10 accuracy that paired trials could tell from 0 (`benchmarks/results/encodings.md`).
"""

UNBALANCED = 1.5
"""Times the share of equal classes above which the report speaks of the largest one."""


def notes_of(found: Found) -> list[str]:
    """Notes on the labels, the evaluation, the bytes and the decisions, in this order, with names in place of ids."""
    names = names_of(found.inputs)
    notes = []
    for note in _notes(found):
        for id, name in names.items():
            note = note.replace(id, name)
        notes.append(note)
    return notes


def _notes(found: Found) -> list[str]:
    return [
        *(_of_labelling(found.labelling) if found.labelling else []),
        *(_of_majority(found) if found.evaluation else []),
        *(_of_evaluation(found.evaluation) if found.evaluation else []),
        *(storage_notes(found.storage.encoding, found.storage.encodings) if found.storage else []),
        *(_of_decisions(found.rows) if found.progressive else []),
    ]


def _of_labelling(labelling: Labelling) -> list[str]:
    """Warnings of the labelling, and where its labels are not the paper's."""
    notes = list(labelling.warnings)
    if labelling.reused_from is not None:
        notes.append(
            f"The dense labels are those of {labelling.reused_from}, which was labelled in the same way before."
        )
    for used in labelling.labelers:
        if used.candidates is not None:
            notes.append(
                f"{used.labeler}: epoch {used.epoch} at temperature {used.temperature:.3g} had the lowest "
                f"cross-entropy on views of {used.held_out_images:,} images of source.train that its training held out."
            )
        elif used.temperature != 1:
            notes.append(f"{used.labeler}: temperature {used.temperature:.3g}; the paper's labels have 1.")
    return notes


def reuse_notes(evaluation: Evaluation) -> list[str]:
    """The trials that earlier jobs have run."""
    trials = [trial for row in evaluation.rows for trial in row.trials]
    jobs = list(dict.fromkeys(trial.reused_from for trial in trials if trial.reused_from is not None))
    if not jobs:
        return []
    count = sum(trial.reused_from is not None for trial in trials)
    return [
        f"{count} of {counted(len(trials), 'trial')} were run before, by {', '.join(jobs)}, with the same set, arm, "
        "architecture, recipe and seed: their seconds and FLOPs are no part of this job's counted cost."
    ]


def _of_evaluation(evaluation: Evaluation) -> list[str]:
    """Protocol, doubts and verdicts; trials that diverged come first."""
    notes = [
        "Accuracies are those of the last epoch, on the source set's val split.",
        "std has ddof 0; ci95 of a row covers trial noise only, that of a comparison test images as well.",
    ]
    notes += reuse_notes(evaluation)
    trials = min(len(row.trials) for row in evaluation.rows)
    if trials < 5:
        too_few = f"too few for an interval, which takes {FEWEST_TRIALS}; " if trials < FEWEST_TRIALS else ""
        notes.append(f"{counted(trials, 'trial')} per row: {too_few}the paper has 5.")
    # Real images are gone through a number of times of their own.
    own = [row for row in evaluation.rows if ARMS[row.arm].images != "real"]
    epochs = {row.epochs for row in own if row.in_summary}
    rules = [rule for row in evaluation.rows if (rule := rule_of(row))]
    usual = min((rule.epochs for rule in rules), default=0)
    if min(epochs, default=usual) < usual:
        whose = "paper" if usual == EPOCHS else "recipe"
        notes.append(f"{min(epochs)} epochs; the {whose} has {usual:,}: networks may be far from converged.")
    if fewer := sorted({row.epochs for row in own} - epochs):
        notes.append(
            f"Rows of {', '.join(f'{each:,}' for each in fewer)} epochs are points of the curve of accuracy against "
            "cost, each a training whose schedule ends there; k-CAE and comparisons are without them."
        )
    if shifted := _carried_by_glad(evaluation):
        notes.append(shifted)
    caes = [found for found in evaluation.comparisons if found.architecture is None]
    return [
        *_divergences(evaluation),
        *notes,
        *protocol_notes(evaluation.rows),
        *_comparisons(evaluation.comparisons),
        *(_verdict(found, evaluation) for found in caes),
        *_step_size(caes),
        *arm_notes({row.arm for row in evaluation.rows}),
    ]


def _carried_by_glad(evaluation: Evaluation) -> str | None:
    """Real images normalised as GLaD's decoded ones are, which its own evaluation does not do."""
    glad = NORMALIZATIONS["glad_wp"]
    used = [row.recipe.get("normalization") for row in evaluation.rows]
    tests = [found["test"] for found in used if isinstance(found, dict)]
    if all((tuple(test["mean"]), tuple(test["std"])) != glad for test in tests):
        return None
    return (
        "Test images were normalised with glad_wp, which the set carries; GLaD's own evaluation normalises them with "
        "the source set's statistics: test_normalization as_published."
    )


def _of_majority(found: Found) -> list[str]:
    """The accuracy of always answering the largest class, where that is far above chance, and balanced means."""
    source = next((each for each in found.inputs if each.largest_share is not None), None)
    if source is None or source.largest_share is None:
        return []
    classes = len(found.rows[0].trials[0].per_class_accuracy)
    if source.largest_share <= 100 * UNBALANCED / classes:
        return []
    balanced = [
        f"{row.architecture} with {row.arm} on {row.dataset} {_balanced(row):.1f} %"
        for row in found.rows
        if row.in_summary
    ]
    return [
        f"UNBALANCED: {source.largest_share:.1f} % of the test images are of class {source.largest_class}, one of "
        f"{classes}: a network that always answers it has that accuracy. Means over classes: {', '.join(balanced)}."
    ]


def _balanced(row: EvaluationRow) -> float:
    """The mean over classes and trials, in percent."""
    by_class = [known for trial in row.trials for known in trial.per_class_accuracy if known is not None]
    return sum(by_class) / len(by_class)


def _divergences(evaluation: Evaluation) -> list[str]:
    """Rows with trials that diverged: left out they would flatter the arm, unmentioned they would mislead."""
    notes = []
    for row in evaluation.rows:
        diverged = [str(trial.trial) for trial in row.trials if None in trial.losses]
        if diverged:
            those = f"{len(diverged)} of {counted(len(row.trials), 'trial')}"
            notes.append(
                f"DIVERGED: {those} of {row.architecture} with {row.arm} on {row.dataset} (number "
                f"{', '.join(diverged)}): their loss was not finite, and the mean of this row, the k-CAE and the "
                "comparisons contain the accuracy of a broken network. Try a smaller lr."
            )
    return notes


def _step_size(caes: list[Comparison]) -> list[str]:
    """The part of LADD's gain that the baseline gains by its learning rate alone."""
    gains = {(found.dataset, found.arm): found.difference for found in caes if found.minus == BASELINE}
    return [
        f"Step size on {dataset}: ladd gains {gain:+.2f} points over the baseline; at the learning rate that suits it, "
        f"chosen on images of source.train, the baseline alone gains {gains[dataset, 'baseline_best_lr']:+.2f}"
        + (f", and ladd {tuned:+.2f}." if (tuned := gains.get((dataset, "ladd_best_lr"))) is not None else ".")
        for (dataset, arm), gain in gains.items()
        if arm == "ladd" and (dataset, "baseline_best_lr") in gains
    ]


def _comparisons(comparisons: Sequence[Comparison]) -> list[str]:
    """How many comparisons have a verdict, and what they are adjusted for."""
    tested = [found.architecture for found in comparisons if found.p_value is not None]
    if not tested:
        return []
    return [
        f"{counted(len(tested), 'comparison')} with a verdict, {tested.count(None)} of them k-CAE, the primary one of "
        "an arm. Those of single architectures are adjusted for each other (Holm) within their arm and set, their "
        "intervals are not: one may leave out 0 where the verdict is no evidence. Arms and sets are not adjusted for "
        "each other: of 20 k-CAE differences that are none, about one gets a verdict by chance."
    ]


def _verdict(found: Comparison, evaluation: Evaluation) -> str:
    """The verdict on the k-CAE of an arm, and the architectures for which the answer is open."""
    pair = (found.dataset, found.arm, found.minus)
    mine = [other for other in evaluation.comparisons if (other.dataset, other.arm, other.minus) == pair]
    each = [other for other in mine if other.architecture is not None]
    open_for = [str(other.architecture) for other in each if other.verdict == "no evidence"]
    alone = f"; no evidence for {', '.join(open_for)} alone" if open_for and len(each) > 1 else ""
    return (
        f"{found.arm} minus {found.minus} on {found.dataset}, {len(each)}-CAE: {found.difference:+.2f} points "
        f"({judgement(found)}){alone}."
    )


def storage_notes(encoding: str, costs: Sequence[EncodingCost]) -> list[str]:
    """Return notes on the bytes of the dense labels and the encoding advised; `costs`: rows of `encoding_costs`."""
    by_name = {cost.encoding: cost for cost in costs}
    if (used := by_name.get(encoding)) is None:
        return []
    notes = []
    if used.kl > KL_WITHIN_NOISE:
        notes.append(
            f"encoding {encoding} changes the dense labels by a mean KL of {used.kl:.2g} nats, above "
            f"{KL_WITHIN_NOISE:g}: compare accuracies with those of float32 before relying on it."
        )
    cheapest = min((cost for cost in costs if cost.kl <= KL_WITHIN_NOISE), key=lambda cost: cost.bytes)
    if used.overhead_zipped > LARGE_OVERHEAD and cheapest.bytes < used.bytes:
        notes.append(
            f"{encoding} dense labels add {used.overhead_zipped:+.0%} to the zipped images "
            f"({used.overhead_jpeg:+.0%} to JPEG files); {cheapest.encoding} would add "
            f"{cheapest.overhead_zipped:+.0%} at a mean KL of {cheapest.kl:.2g} nats. It is the smallest of "
            f"those compared whose mean KL to float32 is at most {KL_WITHIN_NOISE:g} nats, which counts as noise."
        )
    return notes


def _of_decisions(rows: Sequence[EvaluationRow]) -> list[str]:
    """The cheap trials of progressive views on each set and architecture, and which row they led to."""
    baselines = {(row.dataset, row.architecture): row for row in rows if row.arm == "baseline"}
    notes = [
        "Progressive views: ladd was trained with sampled:1 (2 forwards an image and step, a noisier gradient than "
        "full) and again with full only where the paired 95 % interval of ladd minus baseline contained 0, or there "
        f"were fewer than {FEWEST_TRIALS} trials. The question is put twice: on one architecture, a difference that is "
        "none gets a verdict in 6 to 7 of 100 cases instead of 5 (simulated: benchmarks/results/interval_coverage.md)."
    ]
    for row in rows:
        if row.arm != "ladd" or row.recipe["views"] != "sampled:1":
            continue
        baseline = baselines.get((row.dataset, row.architecture))
        if baseline is None or len(baseline.trials) != len(row.trials) or len(row.trials) < 2:
            continue  # trials of a job that has not ended, which have decided nothing yet
        decision = open_question(accuracies(baseline), accuracies(row))
        interval = "95 % interval {:+.2f} to {:+.2f}".format(*decision.ci95) if decision.ci95 else "too few trials"
        ending = "closed, the row quoted is that of sampled:1" if row.in_summary else "open, confirmed with full"
        notes.append(
            f"{row.architecture} on {row.dataset}: sampled:1 differs by {decision.mean_difference:+.2f} points "
            f"({interval}): {ending}."
        )
    return notes
