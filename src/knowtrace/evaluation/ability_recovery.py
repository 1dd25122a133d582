"""Whether stated abilities and their spreads hold against the true ones of a simulation.

A model's ability scale has its own zero and unit. They are tied to the simulation's by the items, as test forms are
linked: units by the geometric mean of discriminations, zeros by mean difficulty (Kolen and Brennan, 2014, ch. 6).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowtrace.domain import FIRST_KNOWN, Vocabulary
from knowtrace.sources import Simulation

Floats = NDArray[np.float64]
NORMAL_90 = 1.6448536269514722
"""A normal distribution holds 90 % within so many standard deviations."""


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """Of abilities by student and skill: how many, the share within their 90 % interval, the mean error and the root
    mean square error (true logits), and the rank correlation of absolute error with the stated spread."""

    n: int
    coverage: float
    bias: float
    rmse: float
    rank_correlation: float


@dataclass(frozen=True, kw_only=True)
class Linked:
    """Stated and true abilities, on the scale of the truth: mean, std and truth (N, skills), for students in order."""

    student_ids: tuple[str, ...]
    mean: Floats
    std: Floats
    truth: Floats

    def recovery(self, students: Sequence[bool] | None = None) -> Recovery:
        """Return how well the abilities of the chosen students, or of all, are recovered."""
        chosen = np.ones(len(self.mean), dtype=bool) if students is None else np.asarray(students)
        error, std = (self.mean - self.truth)[chosen].ravel(), self.std[chosen].ravel()
        return Recovery(
            n=len(error),
            coverage=float((np.abs(error) <= NORMAL_90 * std).mean()),
            bias=float(error.mean()),
            rmse=float(np.sqrt((error**2).mean())),
            rank_correlation=float(np.corrcoef(_ranks(np.abs(error)), _ranks(std))[0, 1]),
        )


def link(
    simulation: Simulation,
    vocabulary: Vocabulary,
    student_ids: Sequence[str],
    *,
    mean: Floats,
    std: Floats,
    locations: Floats,
    log_discriminations: Floats,
) -> Linked:
    """Return the abilities after the last answer on the simulation's scale, beside the true ones.

    mean, std (N, num_skills): by skill index, after each student's whole history · locations, log_discriminations
    (num_items,): by item index; items that drift are not used for linking.
    """
    truth = {item.item_id: item for item in simulation.items}
    steady = {
        index: truth[item.item_id]
        for index, item in enumerate(vocabulary.items, FIRST_KNOWN)
        if not truth[item.item_id].is_drifting and sum(item.category_counts)
    }
    indices = list(steady)
    true_logs = np.log([item.discrimination for item in steady.values()])
    true_locations = np.array([np.mean(item.thresholds) for item in steady.values()])
    unit = float(np.exp((log_discriminations[indices] - true_logs).mean()))
    zero = float(true_locations.mean() - unit * locations[indices].mean())
    skills = sorted({skill for item in simulation.items for skill in item.skill_ids})
    columns = [skills.index(skill) for skill in vocabulary.skill_ids]
    last: Mapping[str, tuple[float, ...]] = {s.student_id: s.last_ability for s in simulation.students}
    known = slice(FIRST_KNOWN, FIRST_KNOWN + len(columns))
    return Linked(
        student_ids=tuple(student_ids),
        mean=unit * mean[:, known] + zero,
        std=unit * std[:, known],
        truth=np.array([[last[student_id][column] for column in columns] for student_id in student_ids]),
    )


def _ranks(values: Floats) -> Floats:
    """Return the rank of each value, equal values sharing their mean rank."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[which]
