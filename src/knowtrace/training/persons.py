"""Ids that are one person: kept on one side of a split, and left out of item statistics together."""

import hashlib
from collections.abc import Iterable, Sequence

from knowtrace.sources import Dataset, find_contamination, find_twins, linked
from knowtrace.sources.equal_histories import find_equal_histories

MOST_SEARCHED = 2_000_000
"""Answers of shards that are searched for every sort of twins: it takes some hundred bytes of memory for each."""

NUM_GROUPS = 10
"""Groups of training students, each of which can be left out of item statistics."""


def same_students(dataset: Dataset) -> list[tuple[str, ...]]:
    """Return clusters of ids that are one person or hold one another's answers; no id is in two of them.

    Linked are twins as published work counts them, and what stands in the data twice beyond chance
    (`docs/contamination.md`). Both look at all answers at once: in shards of more answers than MOST_SEARCHED only
    students with equal histories are linked.
    """
    if dataset.shards is not None and not is_searched_whole(dataset):
        return find_equal_histories(dataset.shards)
    found = [*find_twins(dataset), *find_contamination(dataset).clusters]
    ids = list(dataset.students)
    index = {student_id: n for n, student_id in enumerate(ids)}
    pairs = ((index[cluster[0]], index[other]) for cluster in found for other in cluster[1:])
    return [tuple(ids[n] for n in group) for group in linked(pairs, len(ids))]


def is_searched_whole(dataset: Dataset) -> bool:
    """Return whether `same_students` looks for every sort of twins in a dataset, not for equal histories alone."""
    return dataset.shards is None or dataset.num_interactions <= MOST_SEARCHED


def group_students(
    students: Iterable[str], clusters: Iterable[Sequence[str]], *, seed: int
) -> dict[str, int]:
    """Return a group 1..NUM_GROUPS for each student; those of one cluster (one person, several ids) share theirs.

    The hash of an id decides, so a group does not depend on who else is in the data.
    """
    representative = {student_id: min(cluster) for cluster in clusters for student_id in cluster}
    return {
        student_id: 1 + _digest(f"{seed}:{representative.get(student_id, student_id)}") % NUM_GROUPS
        for student_id in students
    }


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
