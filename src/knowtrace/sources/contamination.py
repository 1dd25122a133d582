"""Answers that stand in a dataset twice: students, runs of answers and items stored under a second name."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from knowtrace.sources.chance import MAX_EXPECTED, ResponseShares, surprise_of
from knowtrace.sources.columns import Columns, columns_of
from knowtrace.sources.copied_blocks import CopiedBlock, find_copied_blocks
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.duplicated_items import DuplicatedItem, find_duplicated_items
from knowtrace.sources.twins import alike, linked, surprising_twins

MIN_DUPLICATE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SameStudents:
    """Students with equal answers: their answers together, and how many such groups chance would leave, or 1."""

    student_ids: tuple[str, ...]
    num_answers: int
    num_expected: float

    @property
    def is_beyond_chance(self) -> bool:
        return self.num_expected <= MAX_EXPECTED


@dataclass(frozen=True, kw_only=True)
class Contamination:
    """What a dataset holds twice; each sort has its largest case first.

    `twins` are students linked as `find_twins` links them, beyond chance; and those of its clusters in which chance
    explains every link. `exact_duplicates` are students whose whole histories of at least 20 answers are equal.
    Both list also what chance explains, and say so. `copied_blocks` and `duplicated_items`
    are beyond chance. `clusters` are the students to keep on one side of a split: linked by whatever is beyond
    chance. `clustered_share` is their share of all answers, in [0, 1].
    """

    twins: tuple[SameStudents, ...]
    exact_duplicates: tuple[SameStudents, ...]
    copied_blocks: tuple[CopiedBlock, ...]
    duplicated_items: tuple[DuplicatedItem, ...]
    clusters: tuple[tuple[str, ...], ...]
    clustered_share: float


def find_contamination(dataset: Dataset) -> Contamination:
    """Return all that stands in a dataset twice, judged against chance (`docs/contamination.md`)."""
    columns = columns_of(dataset)
    shares = ResponseShares(columns)
    size = len(columns.student_ids)
    twins = list(alike(columns))
    sure = surprising_twins(columns, shares, twins)
    duplicates = _exact_duplicates(columns, shares)
    pairs = [*sure]
    pairs += [(g[0], other) for g, expected in duplicates if expected <= MAX_EXPECTED for other in g[1:]]
    person = {columns.student_ids[n]: g for g, group in enumerate(linked(pairs, size)) for n in group}
    blocks = find_copied_blocks(columns, shares, person)
    index = {student_id: n for n, student_id in enumerate(columns.student_ids)}
    pairs += [(index[block.student_ids[0]], index[block.student_ids[1]]) for block in blocks]
    clusters = linked(pairs, size)
    clustered = sum(_num_answers(columns, cluster) for cluster in clusters)
    sure_twins = [(group, _least(group, sure)) for group in linked(sure, size)]
    surely = {n for group, _ in sure_twins for n in group}
    by_definition = linked(((n, other) for n, others in twins for other in others.tolist()), size)
    return Contamination(
        twins=_same_students(
            columns, sure_twins + [(group, 1.0) for group in by_definition if surely.isdisjoint(group)]
        ),
        exact_duplicates=_same_students(columns, duplicates),
        copied_blocks=tuple(blocks),
        duplicated_items=tuple(find_duplicated_items(columns, shares)),
        clusters=tuple(tuple(columns.student_ids[n] for n in cluster) for cluster in clusters),
        clustered_share=clustered / max(1, len(columns.item)),
    )


def _exact_duplicates(columns: Columns, shares: ResponseShares) -> list[tuple[list[int], float]]:
    """Return groups of students with equal histories of at least 20 answers, each with what chance leaves."""
    by_items: dict[bytes, int] = {}
    by_answers: dict[tuple[bytes, bytes], list[int]] = {}
    for n in np.flatnonzero(np.diff(columns.starts) >= MIN_DUPLICATE).tolist():
        rows = slice(columns.starts[n], columns.starts[n + 1])
        items = columns.item[rows].tobytes()
        by_items[items] = by_items.get(items, 0) + 1
        by_answers.setdefault((items, columns.response[rows].tobytes()), []).append(n)
    groups = [group for group in by_answers.values() if len(group) > 1]
    if not groups:
        return []
    num_pairs = sum(count * (count - 1) / 2 for count in by_items.values())
    patterns = [np.arange(columns.starts[g[0]], columns.starts[g[0] + 1]) for g in groups]
    surprise = surprise_of(shares, np.concatenate(patterns), np.array([len(p) for p in patterns]))
    return list(zip(groups, (num_pairs * np.exp(-surprise)).tolist(), strict=True))


def _least(group: list[int], sure: Mapping[tuple[int, int], float]) -> float:
    members = set(group)
    return min(e for pair, e in sure.items() if members.issuperset(pair))


def _same_students(columns: Columns, groups: list[tuple[list[int], float]]) -> tuple[SameStudents, ...]:
    found = [
        SameStudents(
            student_ids=tuple(columns.student_ids[n] for n in group),
            num_answers=_num_answers(columns, group),
            num_expected=expected,
        )
        for group, expected in groups
    ]
    return tuple(sorted(found, key=lambda same: -same.num_answers))


def _num_answers(columns: Columns, students: list[int]) -> int:
    return sum(int(columns.starts[n + 1] - columns.starts[n]) for n in students)
