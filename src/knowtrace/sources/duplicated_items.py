"""Items that are one item under two ids: the same students gave both the same responses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowtrace.sources.chance import MAX_EXPECTED, ResponseShares, surprise_of
from knowtrace.sources.columns import Columns
from knowtrace.sources.hashes import Hashes, joined, mixed

Integers = NDArray[np.int64]

MIN_COMMON_STUDENTS = 20
MIN_EQUAL_SHARE = 0.95
MIN_COMMON_SHARE = 0.5
MIN_KAPPA = 0.8
"""Agreement beyond that of two items as easy as these: 95 % equal says nothing where 97 % are right."""

NUM_BANDS, HASHES_PER_BAND = 16, 3
NUM_NEIGHBOURS = 8
MIN_ADJACENT_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicatedItem:
    """Two ids, how many students answered both, and how alike.

    `equal_share` of these students gave both the same response; `kappa` is Cohen's (1960); `adjacent_share`
    answered one right after the other. `num_expected` is how many such pairs chance would leave.
    """

    item_ids: tuple[str, str]
    num_students: int
    equal_share: float
    kappa: float
    adjacent_share: float
    num_expected: float


def find_duplicated_items(columns: Columns, shares: ResponseShares) -> list[DuplicatedItem]:
    """Return the pairs of items that are one, those with most students first.

    Both were answered by at least 20 students, and by at least half of those who met the rarer; at least 95 % of
    them gave both the same response, with a kappa of at least 0.8, and chance does not explain it. Candidates
    are pairs that a quarter of the students answered one after the other, alike, and pairs found by MinHash over
    (student, response); so time and memory are linear in the answers. Items that no student met both of cannot be told
    from two items as hard as one another, and are not found.
    """
    rows = columns.first_rows
    rows = rows[np.argsort(columns.item[rows], kind="stable")]
    item = columns.item[rows]
    counts = np.bincount(item, minlength=len(columns.item_ids))
    rows = rows[counts[item] >= MIN_COMMON_STUDENTS]
    known, starts = np.unique(columns.item[rows], return_index=True)
    if len(known) < 2:
        return []
    ends = np.append(starts[1:], len(rows))
    place = np.full(len(columns.item_ids), -1)
    place[known] = np.arange(len(known))
    pairs = np.unique(
        np.concatenate([_adjacent(columns, place, counts[known]), _alike_by_minhash(columns, rows, starts)]),
        axis=0,
    )
    found: list[tuple[DuplicatedItem, Integers]] = []
    for one, other in pairs.tolist():
        first, second = rows[starts[one] : ends[one]], rows[starts[other] : ends[other]]
        pair = _compare(columns, first, second)
        if pair is not None:
            found.append(pair)
    if not found:
        return []
    num_pairs = len(known) * (len(known) - 1) / 2
    surprise = surprise_of(
        shares,
        np.concatenate([pattern for _, pattern in found]),
        np.array([len(pattern) for _, pattern in found]),
        np.array([round(pair.num_students * (1 - pair.equal_share)) for pair, _ in found]),
    )
    expected = num_pairs * np.exp(-surprise)
    judged = [
        DuplicatedItem(
            item_ids=pair.item_ids,
            num_students=pair.num_students,
            equal_share=pair.equal_share,
            kappa=pair.kappa,
            adjacent_share=pair.adjacent_share,
            num_expected=float(e),
        )
        for (pair, _), e in zip(found, expected, strict=True)
        if e <= MAX_EXPECTED
    ]
    return sorted(judged, key=lambda pair: -pair.num_students)


def _compare(columns: Columns, first: Integers, second: Integers) -> tuple[DuplicatedItem, Integers] | None:
    """Return a pair that keeps to the thresholds, and the second item's answers by the common students."""
    _, of_first, of_second = np.intersect1d(
        columns.student[first], columns.student[second], assume_unique=True, return_indices=True
    )
    num_common = len(of_first)
    if num_common < max(MIN_COMMON_STUDENTS, MIN_COMMON_SHARE * min(len(first), len(second))):
        return None
    one, other = columns.response[first[of_first]], columns.response[second[of_second]]
    equal = float((one == other).mean())
    by_chance = float(
        np.bincount(one, minlength=columns.num_categories)
        @ np.bincount(other, minlength=columns.num_categories)
        / num_common**2
    )
    if equal < MIN_EQUAL_SHARE or equal - by_chance < MIN_KAPPA * (1 - by_chance) or by_chance == 1:
        return None
    adjacent = np.abs(first[of_first] - second[of_second]) == 1
    ids = columns.item_ids[int(columns.item[first[0]])], columns.item_ids[int(columns.item[second[0]])]
    pair = DuplicatedItem(
        item_ids=ids,
        num_students=num_common,
        equal_share=equal,
        kappa=(equal - by_chance) / (1 - by_chance),
        adjacent_share=float(adjacent.mean()),
        num_expected=0.0,
    )
    return pair, second[of_second]


def _adjacent(columns: Columns, place: Integers, num_students: Integers) -> Integers:
    """Return (P, 2): items answered one right after the other, alike, by a quarter of the rarer's students."""
    same = (columns.student[1:] == columns.student[:-1]) & (columns.response[1:] == columns.response[:-1])
    one, other = place[columns.item[:-1][same]], place[columns.item[1:][same]]
    known = (one >= 0) & (other >= 0) & (one != other)
    low, high = np.minimum(one, other)[known], np.maximum(one, other)[known]
    keys, counts = np.unique(low * len(place) + high, return_counts=True)
    low, high = keys // len(place), keys % len(place)
    often = counts >= MIN_ADJACENT_SHARE * np.minimum(num_students[low], num_students[high])
    return np.stack([low[often], high[often]], axis=1)


def _alike_by_minhash(columns: Columns, rows: Integers, starts: Integers) -> Integers:
    """Return (P, 2): items whose sets of (student, response) fall into one bucket (Broder, 1997).

    Sets that share 90 % of their union meet in some bucket nearly surely, with 50 % in 7 of 8 cases. In a
    bucket, in the order of one more hash, an item is beside the next 8 only: that bounds the work.
    """
    given = mixed((columns.student[rows] * columns.num_categories + columns.response[rows]).astype(np.uint64))
    pairs: list[Integers] = []
    for band in range(NUM_BANDS):
        bucket: Hashes | None = None
        for n in range(HASHES_PER_BAND):
            least = np.minimum.reduceat(mixed(given + np.uint64(band * HASHES_PER_BAND + n)), starts)
            bucket = least if bucket is None else joined(bucket, least)
        assert bucket is not None
        order = np.lexsort((np.minimum.reduceat(given, starts), bucket))
        for step in range(1, min(NUM_NEIGHBOURS, len(order) - 1) + 1):
            together = bucket[order[step:]] == bucket[order[:-step]]
            one, other = order[:-step][together], order[step:][together]
            pairs.append(np.stack([np.minimum(one, other), np.maximum(one, other)], axis=1))
    return np.concatenate(pairs)
