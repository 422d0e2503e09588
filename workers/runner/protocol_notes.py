"""Notes of a report on how its networks were trained, and on the arms that it lacks."""

from collections.abc import Collection, Sequence

from api_schemas.evaluation import EvaluationRow
from method.arms import ARMS, RANDOM, RANDOM_LADD
from method.counted import counted
from method.recipes import RECIPES, RecipeRule
from workers.ladd.evaluation.scores import missing_arms


def protocol_notes(rows: Sequence[EvaluationRow]) -> list[str]:
    """Return notes on losses and weights, on averages that follow the epochs, on real images and on labelers."""
    return [*_weights(rows), *_temperatures(rows), *_averages(rows), *_real(rows), *_labelers(rows), *_live(rows)]


def rule_of(row: EvaluationRow) -> RecipeRule | None:
    """Return the recipe of a row, None where the package that brought it is gone."""
    return RECIPES.get(str(row.recipe.get("name")))


def _weights(rows: Sequence[EvaluationRow]) -> list[str]:
    """The weights of the views and what else they do."""
    recipes = [row.recipe for row in rows if ARMS[row.arm].views and row.recipe["views"] != "pool"]
    notes = []
    if any(recipe.get("reduction") == "sum" for recipe in recipes):
        notes.append(
            "reduction 'sum' weighs the views as Eq. 5 does, which also acts like a larger learning rate: "
            "part of a difference between the arms may be step size."
        )
    weights = sorted({recipe["view_weight"] for recipe in recipes if "reduction" not in recipe})
    if weights:
        notes.append(
            f"view_weight {', '.join(f'{weight:g}' for weight in weights)} is not that of Eq. 5, and also acts like "
            "another learning rate: part of a difference between the arms may be step size."
        )
    return notes


def _temperatures(rows: Sequence[EvaluationRow]) -> list[str]:
    """The temperatures of losses and what they do to stored labels."""
    stored = [row for row in rows if not ARMS[row.arm].asks_labeler]
    temperatures = sorted({found for row in stored if (found := row.recipe.get("temperature"))})
    return [
        f"Loss at temperature {temperature:g}: the labeler's stored answers are re-tempered as softmax(log p / T). "
        "That lifts their tail, of which the encoding keeps a part: top-k shares out what it leaves, uint8 ends 16 "
        "nats below the largest class. The gradient of such a loss is about 1 / T^2 of a cross-entropy's, which the "
        "classes of whole images keep."
        for temperature in temperatures
    ]


def _live(rows: Sequence[EvaluationRow]) -> list[str]:
    if not any(ARMS[row.arm].asks_labeler for row in rows):
        return []
    return [
        "online uses the labeler while training, which a distilled set is to do without (the paper's Table 3 marks it "
        "so): a ceiling for stored labels, no result of the set."
    ]


def _averages(rows: Sequence[EvaluationRow]) -> list[str]:
    """The decay of the averages that were shortened with the training."""
    followed: dict[str, dict[int, float | None]] = {}
    for row in rows:
        rule, epochs = rule_of(row), row.recipe.get("epochs")
        if rule is None or epochs is None or "ema_beta" not in row.recipe:
            continue
        beta = rule.ema_beta_for(epochs)
        if beta != rule.ema_beta and row.recipe["ema_beta"] == beta:
            followed.setdefault(rule.name, {})[epochs] = beta
    notes = []
    for name, of in followed.items():
        rule = RECIPES[name]
        betas = [f"{f'beta {beta:.4g}' if beta else 'none'} at {counted(each, 'epoch')}" for each, beta in of.items()]
        notes.append(
            f"The average of weights that is tested follows the epochs: recipe {name} has beta {rule.ema_beta:g} at "
            f"{counted(rule.epochs, 'epoch')}, and for the same part of a shorter training {', '.join(betas)}."
        )
    return notes


def _real(rows: Sequence[EvaluationRow]) -> list[str]:
    passes = sorted({row.epochs for row in rows if ARMS[row.arm].images == "real"})
    return [f"Networks that are trained on all real images go through them {each:,} times." for each in passes]


def _labelers(rows: Sequence[EvaluationRow]) -> list[str]:
    """The labelers whose labels trials take in turn."""
    told = next((row for row in rows if isinstance(row.recipe.get("labels_of"), list)), None)
    if told is None:
        return []
    labelers = len(set(told.recipe["labels_of"]))
    shared = "" if labelers >= len(told.trials) else "; trials that share one are more alike than intervals suppose"
    return [
        f"Dense labels are those of {labelers} labelers that differ by seed, for one trial after the other: spread and "
        f"intervals of arms with such labels contain the labeler's{shared}."
    ]


def arm_notes(arms: Collection[str]) -> list[str]:
    """Return the arms without which part of the question stays open."""
    notes = []
    labelled = any(ARMS[arm].label_files for arm in arms)
    controls = [arm for arm in (RANDOM, RANDOM_LADD) if arm not in arms and (labelled or arm == RANDOM)]
    if controls:
        where = " (in a job of kind ladd)" if RANDOM_LADD in controls else ""
        notes.append(
            f"How much of an accuracy is due to the distilled images is open: add {_listed(controls)}{where}, "
            "trained on random real images."
        )
    if missing := missing_arms(arms):
        needs = "; ".join(f"{name} needs {_listed(lacking)}" for name, lacking in missing.items())
        notes.append(f"Scores of DD-Ranking that more arms would give: {needs}.")
    return notes


def _listed(arms: Sequence[str]) -> str:
    return f"the arm{'s' * (len(arms) > 1)} {' and '.join(arms)}" if len(arms) < 3 else f"the arms {', '.join(arms)}"
