"""Students who answered one skill and later began another: what they had shown, and how they began.

A pair of skills gets a student who answered one of them strictly before the first answer to the other. Answers of one
container were given together, and an answer to an item of both skills is one answer: neither comes before the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from knowtrace.domain import Interaction

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

LAST_ANSWERS = 3
"""Mastery of the skill begun first is read off so many answers, the last before the second was begun."""

LEAST_REST = 5
"""A student's ability is not known from fewer answers to other skills."""

STRATA = 10
ROWS_AT_A_TIME = 2_000_000


@dataclass(frozen=True, kw_only=True)
class SkillAnswers:
    """Every answer once per skill, ordered by student, skill and position: arrays of length N.

    `right` is 1 where at least half the credit was earned, `position` counts what a student was given, one container
    one position, and `residual` is `right` less the mean of its skill.
    """

    skill_ids: tuple[str, ...]
    student: Integers
    skill: Integers
    position: Integers
    right: Integers
    residual: Numbers


@dataclass(frozen=True, kw_only=True)
class Begun:
    """The first answer of every student to every skill: arrays of length F, ordered by student and skill."""

    student: Integers
    skill: Integers
    position: Integers
    right: Integers
    start: Integers
    num_answers: Integers
    residual_sum: Numbers


def skill_answers(students: Mapping[str, Sequence[Interaction]], num_categories: int = 2) -> SkillAnswers:
    """Return the answers of all students, laid out for pairs."""
    skill_index: dict[str, int] = {}
    rows: list[tuple[int, int, int, int]] = []
    for student, history in enumerate(students.values()):
        position, container = 0, None
        for answer in history:
            if answer.container_id is None or answer.container_id != container:
                position += 1
            container = answer.container_id
            right = int(2 * answer.response >= num_categories - 1)
            for skill_id in answer.skill_ids:
                rows.append((student, skill_index.setdefault(skill_id, len(skill_index)), position, right))
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    table = table[np.lexsort((table[:, 2], table[:, 1], table[:, 0]))]
    student, skill, position, right = np.ascontiguousarray(table.T)
    counts = np.bincount(skill, minlength=len(skill_index))
    means = np.bincount(skill, weights=right, minlength=len(skill_index)) / np.maximum(counts, 1)
    return SkillAnswers(
        skill_ids=tuple(skill_index),
        student=student,
        skill=skill,
        position=position,
        right=right,
        residual=right - means[skill],
    )


def begun_skills(answers: SkillAnswers) -> Begun:
    """Return where each student began each skill, and that student's answers to it in sum."""
    student, skill = answers.student, answers.skill
    is_first = np.ones(len(student), dtype=bool)
    is_first[1:] = (student[1:] != student[:-1]) | (skill[1:] != skill[:-1])
    start = np.flatnonzero(is_first)
    ends = np.append(start[1:], len(student))
    sums = np.add.reduceat(answers.residual, start) if len(start) else np.zeros(0)
    return Begun(
        student=student[start],
        skill=skill[start],
        position=answers.position[start],
        right=answers.right[start],
        start=start,
        num_answers=ends - start,
        residual_sum=sums,
    )


@dataclass(frozen=True, kw_only=True)
class PairTables:
    """Counts for pairs of skills, P of them, `one` before `other` in the list of skills.

    `begun` is (P, 2, STRATA, 2, 2): students by which skill they began first (0: `one`), by ability, by `one` and by
    `other`. The skill begun first counts as 1 when it was mastered by the time the second was begun, the second when
    it was begun right. `first_answers` is (P, 2, 2): the same students by the first answers to `one` and to `other`.
    """

    one: Integers
    other: Integers
    begun: Integers
    first_answers: Integers

    @property
    def support(self) -> Integers:
        """Students behind each pair, (P,)."""
        return self.first_answers.sum(axis=(1, 2))


def pair_tables(answers: SkillAnswers, *, least_support: int) -> PairTables:
    """Return the tables of every pair of skills that at least `least_support` students began apart.

    Students whose ability the other skills do not show, by LEAST_REST answers, are left out.
    """
    begun = begun_skills(answers)
    num_skills = max(len(answers.skill_ids), 1)
    num_students = np.zeros(num_skills * num_skills, dtype=np.int64)
    for first, second in _pairs_in_order(begun):
        num_students += np.bincount(_pair_code(begun, first, second, num_skills), minlength=len(num_students))
    kept = np.flatnonzero(num_students >= least_support)
    slot = np.full(len(num_students), -1, dtype=np.int64)
    slot[kept] = np.arange(len(kept))
    counts = np.zeros(len(kept) * 2 * STRATA * 4, dtype=np.int64)
    first_answers = np.zeros(len(kept) * 4, dtype=np.int64)
    edges, totals = _ability_edges(begun), _totals(begun)
    mastery = _MasteryBefore(answers, begun)
    for first, second in _pairs_in_order(begun):
        pair = slot[_pair_code(begun, first, second, num_skills)]
        ability = _ability_elsewhere(begun, totals, first, second)
        usable = (pair >= 0) & np.isfinite(ability)
        pair, first, second = pair[usable], first[usable], second[usable]  # noqa: PLW2901 - fewer of the same
        is_swapped = (begun.skill[first] > begun.skill[second]).astype(np.int64)
        stratum = np.searchsorted(edges, ability[usable], side="right")
        cell = _cell(mastery.at(first, second), begun.right[second], is_swapped)
        counts += np.bincount(((pair * 2 + is_swapped) * STRATA + stratum) * 4 + cell, minlength=len(counts))
        cell = _cell(begun.right[first], begun.right[second], is_swapped)
        first_answers += np.bincount(pair * 4 + cell, minlength=len(first_answers))
    tables = PairTables(
        one=kept // num_skills,
        other=kept % num_skills,
        begun=counts.reshape(-1, 2, STRATA, 2, 2),
        first_answers=first_answers.reshape(-1, 2, 2),
    )
    has_support = tables.support >= least_support
    return PairTables(
        one=tables.one[has_support],
        other=tables.other[has_support],
        begun=tables.begun[has_support],
        first_answers=tables.first_answers[has_support],
    )


def _pair_code(begun: Begun, first: Integers, second: Integers, num_skills: int) -> Integers:
    a, b = begun.skill[first], begun.skill[second]
    return np.minimum(a, b) * num_skills + np.maximum(a, b)


def _cell(of_first: Integers, of_second: Integers, is_swapped: Integers) -> Integers:
    """Return the place of a student in a 2x2 table whose rows are the pair's `one`, whichever was begun first."""
    return np.where(is_swapped, of_second * 2 + of_first, of_first * 2 + of_second)


def _pairs_in_order(begun: Begun) -> Iterator[tuple[Integers, Integers]]:
    """Yield, for some students at a time, the rows (first, second) of each two skills that one of them began apart."""
    num_begun = np.bincount(begun.student) if len(begun.student) else np.zeros(0, dtype=np.int64)
    num_pairs = num_begun * num_begun
    block = np.cumsum(num_pairs) // ROWS_AT_A_TIME
    first_row = np.concatenate(([0], np.cumsum(num_begun)))
    bounds = np.flatnonzero(np.diff(block, prepend=-1, append=-1))
    for low, high in pairwise(bounds.tolist()):
        counts = num_begun[low:high]
        rows = np.arange(first_row[low], first_row[high])
        width = np.repeat(counts, counts)
        left = np.repeat(rows, width)
        own_start = np.repeat(first_row[low:high], counts * counts)
        before = np.repeat(np.cumsum(counts * counts) - counts * counts, counts * counts)
        within = np.arange(len(left)) - before
        right = own_start + within % np.repeat(counts, counts * counts)
        is_before = begun.position[left] < begun.position[right]
        yield left[is_before], right[is_before]


class _MasteryBefore:
    """Looks up what a student had shown of one skill when another was begun."""

    def __init__(self, answers: SkillAnswers, begun: Begun) -> None:
        self.begun = begun
        self.room = int(answers.position.max(initial=0)) + 2
        self.order = np.repeat(np.arange(len(begun.start)), begun.num_answers) * self.room + answers.position
        self.right_before = np.concatenate(([0], np.cumsum(answers.right)))

    def at(self, first: Integers, second: Integers) -> Integers:
        """Return 1 where more than half of the last answers to the first skill, before the second began, were right."""
        end = np.searchsorted(self.order, first * self.room + self.begun.position[second], side="left")
        start = np.maximum(end - LAST_ANSWERS, self.begun.start[first])
        num_right = self.right_before[end] - self.right_before[start]
        return (2 * num_right > end - start).astype(np.int64)


def _totals(begun: Begun) -> tuple[Integers, Numbers]:
    """Return each student's answers and residuals in sum."""
    counts = np.bincount(begun.student, weights=begun.num_answers).astype(np.int64)
    return counts, np.bincount(begun.student, weights=begun.residual_sum).astype(np.float64)


def _ability_elsewhere(
    begun: Begun, totals: tuple[Integers, Numbers], first: Integers, second: Integers
) -> Numbers:
    """Return the student's mean residual on all other skills; NaN for fewer than LEAST_REST answers to them."""
    num_answers, residuals = totals
    student = begun.student[first]
    rest = num_answers[student] - begun.num_answers[first] - begun.num_answers[second]
    total = residuals[student] - begun.residual_sum[first] - begun.residual_sum[second]
    return np.where(rest >= LEAST_REST, total / np.maximum(rest, 1), np.nan)


def _ability_edges(begun: Begun) -> Numbers:
    """Return the bounds of STRATA groups of about as many students each, by their mean residual, (STRATA - 1,)."""
    num_answers, residuals = _totals(begun)
    known = residuals[num_answers >= LEAST_REST] / num_answers[num_answers >= LEAST_REST]
    if not len(known):
        return np.zeros(STRATA - 1)
    return np.quantile(known, np.arange(1, STRATA) / STRATA)
