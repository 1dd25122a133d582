"""Why nothing can be learnt from a dataset: said before training starts, in sentences."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from knowtrace.domain import Interaction, given_together
from knowtrace.sources.dataset import Dataset

MIN_STUDENTS = 3
"""One to learn from, one to choose the epoch by, one to judge by."""


def training_obstacles(dataset: Dataset) -> list[str]:
    """Return a sentence for each thing that makes training impossible; none when it can start.

    Missing skills, missing times and items answered once are no obstacles. Whether a split leaves a part empty is
    for the split to say.
    """
    if not dataset.num_interactions:
        return [f"{dataset.name} holds no answers: give data with some."]
    obstacles: list[str] = []
    num_students = sum(bool(history) for history in dataset.students.values())
    if num_students < MIN_STUDENTS:
        owners = "one student" if num_students == 1 else f"{num_students} students"
        obstacles.append(
            f"All {dataset.num_interactions:,} answers are of {owners}: training needs students to learn from, "
            f"others to choose the epoch by and others to judge by; give at least {MIN_STUDENTS}."
        )
    given = np.flatnonzero(dataset.category_counts)
    if len(given) == 1:
        name = _name_of(int(given[0]), dataset.num_categories)
        obstacles.append(
            f"All {dataset.num_interactions:,} responses are {name} (one category): nothing can be learnt; give "
            "data with at least two."
        )
    if not any(_has_a_second(history) for history in dataset.students.values()):
        obstacles.append(
            f"None of the {num_students:,} students has a second answer: the first one of each is never predicted, nor "
            "what was given together with it; give students with histories."
        )
    return obstacles


def _has_a_second(history: Sequence[Interaction]) -> bool:
    return any(not given_together(*pair) for pair in pairwise(history))


def _name_of(response: int, num_categories: int) -> str:
    return repr(("wrong", "right")[response]) if num_categories == 2 else str(response)
