"""Students that are one student under several ids: same items, same answers."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from knowtrace.domain import Interaction
from knowtrace.sources.dataset import Dataset

MIN_COMMON_ITEMS = 20
MIN_EQUAL_SHARE = 0.95
MIN_COMMON_SHARE = 0.5


def find_twins(dataset: Dataset) -> list[list[str]]:
    """Return clusters of students that answer alike, in the data's order.

    Two students are twins when they have at least 20 items in common, gave the same response to at least 95 %
    of them, and these are at least half of the items of the one with fewer. Of several answers to an item the
    first counts. Twins of twins share a cluster.
    """
    firsts = {student_id: _first_responses(history) for student_id, history in dataset.students.items()}
    return clusters_of_twins({s: first for s, first in firsts.items() if len(first) >= MIN_COMMON_ITEMS})


def _first_responses(history: Sequence[Interaction]) -> dict[str, int]:
    return {answer.item_id: answer.response for answer in reversed(history)}


def clusters_of_twins(firsts: Mapping[str, Mapping[str, int]]) -> list[list[str]]:
    """Return the clusters among students given as item -> first response.

    Walks an inverted index: for each student, the students who met each of its items are counted once. The
    cost is the sum over items of the square of their students.
    """
    student_ids = list(firsts)
    num_items = np.array([len(first) for first in firsts.values()])
    met_by: dict[str, list[int]] = {}
    gave: dict[tuple[str, int], list[int]] = {}
    for n, first in enumerate(firsts.values()):
        for item_response in first.items():
            met_by.setdefault(item_response[0], []).append(n)
            gave.setdefault(item_response, []).append(n)
    met_arrays = {item: np.array(students) for item, students in met_by.items()}
    gave_arrays = {key: np.array(students) for key, students in gave.items()}

    parent = list(range(len(student_ids)))
    for n, first in enumerate(firsts.values()):
        common = _count([met_arrays[item] for item in first], len(parent))
        least = np.maximum(MIN_COMMON_ITEMS, MIN_COMMON_SHARE * np.minimum(num_items, len(first)))
        near = common >= least
        near[: n + 1] = False
        if not near.any():
            continue
        equal = _count([gave_arrays[answer] for answer in first.items()], len(parent))
        for other in np.flatnonzero(near & (equal >= MIN_EQUAL_SHARE * common)):
            parent[_root(parent, int(other))] = _root(parent, n)
    clusters: dict[int, list[str]] = {}
    for n, student_id in enumerate(student_ids):
        clusters.setdefault(_root(parent, n), []).append(student_id)
    return [cluster for cluster in clusters.values() if len(cluster) > 1]


def _count(groups: list[NDArray[np.int64]], size: int) -> NDArray[np.int64]:
    """Return in how many groups each of 0..size-1 is."""
    return np.bincount(np.concatenate(groups), minlength=size)


def _root(parent: list[int], n: int) -> int:
    while parent[n] != n:
        parent[n] = parent[parent[n]]
        n = parent[n]
    return n
