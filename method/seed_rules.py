"""Seed rules: what the random numbers of a trial depend on. A job keeps the rule that it was planned by.

1: the evaluation's seed and the number of the trial. Augmentation is drawn from one generator, family and rows.
2: the architecture as well, so that trials of different architectures are independent and their variances add. The
    family of a step's augmentation has a generator of its own: in each step, all arms of a trial share the family,
    however many rows they have.
"""

SEED_RULES = (1, 2)
SEED_RULE = 2
UNNAMED = 1
"""The rule of a training whose settings name none: it was planned before there were two."""
