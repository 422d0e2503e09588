"""Notes of a report: everything that a reader must know before quoting a number of it."""

from collections.abc import Sequence

from api_schemas.evaluation import Comparison, EncodingCost, Evaluation, EvaluationRow
from api_schemas.labelling import Labelling
from api_schemas.report_inputs import names_of
from method.arms import ARMS
from method.counted import counted
from method.recipes import EPOCHS, RECIPES
from workers.ladd.evaluation.progressive import open_question
from workers.ladd.evaluation.rows import accuracies
from workers.ladd.figures.found import Found

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


def _of_evaluation(evaluation: Evaluation) -> list[str]:
    """Protocol, doubts and verdicts; trials that diverged come first."""
    notes = [
        "Accuracies are those of the last epoch, on the source set's val split.",
        "std has ddof 0; ci95 of a row covers trial noise only, that of a comparison test images as well.",
    ]
    trials = min(len(row.trials) for row in evaluation.rows)
    if trials < 5:
        notes.append(f"{counted(trials, 'trial')} per row; the paper has 5.")
    fewest = min(row.epochs for row in evaluation.rows)
    own = min(RECIPES[row.recipe["name"]].epochs for row in evaluation.rows)
    if fewest < own:
        whose = "paper" if own == EPOCHS else "recipe"
        notes.append(f"{fewest} epochs; the {whose} has {own:,}: networks may be far from converged.")
    on_views = [row for row in evaluation.rows if ARMS[row.arm].views]
    if any(row.recipe["reduction"] == "sum" and row.recipe["views"] != "pool" for row in on_views):
        notes.append(
            "reduction 'sum' weighs the views as Eq. 5 does, which also acts like a larger learning rate: "
            "part of a difference between the arms may be step size."
        )
    if any(ARMS[row.arm].asks_labeler for row in evaluation.rows):
        notes.append(
            "online uses the labeler while training, which a distilled set is to do without (the paper's Table 3 marks "
            "it so): a ceiling for stored labels, no result of the set."
        )
    if temperature := evaluation.rows[0].recipe.get("temperature"):
        notes.append(
            f"Loss at temperature {temperature:g}: the labeler's stored answers are re-tempered as softmax(log p / T). "
            "That lifts their tail, of which the encoding keeps a part: top-k shares out what it leaves, uint8 ends 16 "
            "nats below the largest class. The gradient of such a loss is about 1 / T^2 of a cross-entropy's, which "
            "the classes of whole images keep."
        )
    caes = [found for found in evaluation.comparisons if found.architecture is None]
    return [*_divergences(evaluation), *notes, *(_verdict(found, evaluation) for found in caes), *_step_size(caes)]


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
    gains = {(found.dataset, found.arm): found.difference for found in caes}
    return [
        f"Step size on {dataset}: ladd gains {gain:+.2f} points over the baseline; at the learning rate that suits it, "
        f"chosen on images of source.train, the baseline alone gains {gains[dataset, 'baseline_best_lr']:+.2f}."
        for (dataset, arm), gain in gains.items()
        if arm == "ladd" and (dataset, "baseline_best_lr") in gains
    ]


def _verdict(found: Comparison, evaluation: Evaluation) -> str:
    """The verdict on the k-CAE of an arm, and the architectures for which the answer is open."""
    mine = [other for other in evaluation.comparisons if (other.dataset, other.arm) == (found.dataset, found.arm)]
    each = [other for other in mine if other.architecture is not None]
    open_for = [str(other.architecture) for other in each if other.verdict == "no evidence"]
    ending = "no evidence of a difference" if found.verdict == "no evidence" else found.verdict
    alone = f"; no evidence for {', '.join(open_for)} alone" if open_for and len(each) > 1 else ""
    return (
        f"{found.arm} minus baseline on {found.dataset}, {len(each)}-CAE: {found.difference:+.2f} points "
        f"(95 % interval {found.ci95[0]:+.2f} to {found.ci95[1]:+.2f}, trials and test images): {ending}{alone}."
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
    """The decision of the cheap trials of progressive views on each set and architecture, as it was taken then."""
    baselines = {(row.dataset, row.architecture): row for row in rows if row.arm == "baseline"}
    notes = [
        "Progressive views: ladd was trained with sampled:1 (2 forwards an image and step, a noisier gradient than "
        "full) and again with full only where the paired 95 % interval of ladd minus baseline contained 0."
    ]
    for row in rows:
        if row.arm != "ladd" or row.recipe["views"] != "sampled:1":
            continue
        decision = open_question(accuracies(baselines[row.dataset, row.architecture]), accuracies(row))
        low, high = decision.ci95
        ending = "open, confirmed with full" if decision.open else "closed, the row quoted is that of sampled:1"
        notes.append(
            f"{row.architecture} on {row.dataset}: sampled:1 differs by {decision.mean_difference:+.2f} points "
            f"(95 % interval {low:+.2f} to {high:+.2f}): {ending}."
        )
    return notes
