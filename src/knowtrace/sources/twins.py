"""Students that are one student under several ids: same items, same answers."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from knowtrace.sources.chance import MAX_EXPECTED, ResponseShares, surprise_of
from knowtrace.sources.columns import Columns, columns_of
from knowtrace.sources.dataset import Dataset

Integers = NDArray[np.int64]

MIN_COMMON_ITEMS = 20
MIN_EQUAL_SHARE = 0.95
MIN_COMMON_SHARE = 0.5

MAX_MATRIX_CELLS = 100_000_000
PRODUCT_PER_COUNT = 100
"""Multiplications in a matrix product that take as long as counting one student in an index."""


def find_twins(dataset: Dataset) -> list[list[str]]:
    """Return clusters of students that answer alike, in the data's order.

    Two students are twins when they have at least 20 items in common, gave the same response to at least 95 %
    of them, and these are at least half of the items of the one with fewer. Of several answers to an item the
    first counts. Twins of twins share a cluster. Chance is not asked: see `find_contamination`.
    """
    columns = columns_of(dataset)
    pairs = ((n, other) for n, others in alike(columns) for other in others.tolist())
    return [[columns.student_ids[n] for n in cluster] for cluster in linked(pairs, len(columns.student_ids))]


def alike(columns: Columns) -> Iterator[tuple[int, Integers]]:
    """Yield for each student, in order, the later students that are twins by the three thresholds.

    Exact, so not linear: the cost is the sum over items of the square of their students, or, where items are few,
    a matrix product of students x students x (items x responses), whichever is less.
    """
    rows = columns.first_rows
    num_items = np.bincount(columns.student[rows], minlength=len(columns.student_ids))
    rows = rows[num_items[columns.student[rows]] >= MIN_COMMON_ITEMS]
    students, student = np.unique(columns.student[rows], return_inverse=True)
    if len(students) < 2:
        return
    items, item = np.unique(columns.item[rows], return_inverse=True)
    sizes = num_items[students]
    met = _Occurrences(student, item, len(students), len(items))
    gave_cell = item * columns.num_categories + columns.response[rows]
    gave = _Occurrences(student, gave_cell, len(students), len(items) * columns.num_categories)
    for n in range(len(students) - 1):
        common = met.common_with(n)
        near = common >= np.maximum(MIN_COMMON_ITEMS, MIN_COMMON_SHARE * np.minimum(sizes, sizes[n]))
        near[: n + 1] = False
        if near.any():
            twins = np.flatnonzero(near & (gave.common_with(n) >= MIN_EQUAL_SHARE * common))
            if len(twins):
                yield int(students[n]), students[twins]


def surprising_twins(
    columns: Columns, shares: ResponseShares, pairs: Iterable[tuple[int, Integers]]
) -> dict[tuple[int, int], float]:
    """Return those of the pairs that chance does not explain, each with how many pairs chance would leave.

    Chance is judged as `surprise_of` says, times the number of pairs of students with 20 items or more.
    """
    rows = columns.first_rows
    starts = np.searchsorted(columns.student[rows], np.arange(len(columns.student_ids) + 1))
    num_students = int((np.diff(starts) >= MIN_COMMON_ITEMS).sum())
    num_pairs = max(1.0, num_students * (num_students - 1) / 2)
    limit = np.log(num_pairs / MAX_EXPECTED)
    nats = np.bincount(columns.student[rows], shares.own_nats[rows], minlength=len(columns.student_ids))
    judged: list[tuple[int, int]] = []
    patterns: list[Integers] = []
    num_unequal: list[int] = []
    for n, others in pairs:
        for other in others[(nats[n] > limit) & (nats[others] > limit)].tolist():
            own, their = rows[starts[n] : starts[n + 1]], rows[starts[other] : starts[other + 1]]
            _, of_own, of_their = np.intersect1d(
                columns.item[own], columns.item[their], assume_unique=True, return_indices=True
            )
            unequal = columns.response[own[of_own]] != columns.response[their[of_their]]
            judged.append((n, other))
            patterns.append(np.sort(own[of_own]))
            num_unequal.append(int(unequal.sum()))
    if not judged:
        return {}
    sizes = np.array([len(pattern) for pattern in patterns])
    surprise = surprise_of(shares, np.concatenate(patterns), sizes, np.array(num_unequal))
    expected = num_pairs * np.exp(-surprise)
    return {pair: float(e) for pair, e in zip(judged, expected, strict=True) if e <= MAX_EXPECTED}


def linked(pairs: Iterable[tuple[int, int]], size: int) -> list[list[int]]:
    """Return the groups of 0..size-1 that pairs connect, in order; whoever is in no pair is in no group."""
    parent = list(range(size))
    for one, other in pairs:
        parent[_root(parent, other)] = _root(parent, one)
    groups: dict[int, list[int]] = {}
    for n in range(size):
        groups.setdefault(_root(parent, n), []).append(n)
    return [group for group in groups.values() if len(group) > 1]


def _root(parent: list[int], n: int) -> int:
    while parent[n] != n:
        parent[n] = parent[parent[n]]
        n = parent[n]
    return n


class _Occurrences:
    """Which students have which things; counts the things a student has in common with each other student."""

    def __init__(self, student: Integers, thing: Integers, num_students: int, num_things: int) -> None:
        self.num_students = num_students
        sizes = np.bincount(thing, minlength=num_things).astype(np.float64)
        product = float(num_students) ** 2 * num_things
        cells = num_students * num_things
        self.matrix = None
        if cells <= MAX_MATRIX_CELLS and product < PRODUCT_PER_COUNT * (sizes**2).sum():
            self.matrix = np.zeros((num_students, num_things), dtype=np.float32)
            self.matrix[student, thing] = 1
            self.block = np.zeros((0, num_students), dtype=np.float32)
            self.block_start = 0
            return
        order = np.argsort(thing, kind="stable")
        self.of_thing = np.split(student[order], np.cumsum(np.bincount(thing, minlength=num_things))[:-1])
        self.things = np.split(thing, np.cumsum(np.bincount(student, minlength=num_students))[:-1])

    def common_with(self, n: int) -> Integers:
        """Return (students,): in how many things each student agrees with student n."""
        if self.matrix is None:
            together = np.concatenate([self.of_thing[thing] for thing in self.things[n]])
            return np.bincount(together, minlength=self.num_students)
        if not self.block_start <= n < self.block_start + len(self.block):
            self.block_start = n
            rows = max(1, 4_000_000 // self.num_students)
            self.block = self.matrix[n : n + rows] @ self.matrix.T
        return self.block[n - self.block_start].astype(np.int64)
