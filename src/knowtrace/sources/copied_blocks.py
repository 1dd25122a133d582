"""Runs of answers that occur twice: same items in the same order, same responses."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowtrace.sources.chance import MAX_EXPECTED, ResponseShares, surprise_of
from knowtrace.sources.columns import Columns
from knowtrace.sources.hashes import rolling

Integers = NDArray[np.int64]

MIN_BLOCK = 20
"""Answers in a row. 20 balanced binary responses are 2^20 to one; what counts is the surprise, not the length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedBlock:
    """`num_answers` in a row that the students share, from these positions (0 is the first answer) on.

    Both ids are the same when one student's history holds the block twice. `num_expected` is how many such
    blocks chance would leave in the whole dataset.
    """

    student_ids: tuple[str, str]
    starts: tuple[int, int]
    num_answers: int
    num_expected: float


def find_copied_blocks(
    columns: Columns, shares: ResponseShares, same_person: Mapping[str, int] | None = None
) -> list[CopiedBlock]:
    """Return the blocks that chance does not explain, the longest first; an answer may lie in several.

    A block is as long as it can be, at least 20 answers. Chance is judged as `surprise_of` says, times the
    number of pairs of windows of 20 answers with the same items in the same order: the order of the items is
    the material's, and counts for nothing. `same_person` numbers students known to be one: a block that they
    share is left out. Time and memory are linear in the answers.
    """
    first, second, num_pairs = _equal_windows(columns)
    first, second, size = _longest(columns, first, second)
    keep = (size >= MIN_BLOCK) & ~_is_one_person(columns, first, second, same_person or {})
    first, second, size = first[keep], second[keep], size[keep]
    limit = np.log(num_pairs / MAX_EXPECTED)

    own = np.concatenate([[0.0], np.cumsum(shares.own_nats)])
    keep = own[first + size] - own[first] > limit
    first, second, size = first[keep], second[keep], size[keep]
    rows = np.repeat(first - (np.cumsum(size) - size), size) + np.arange(size.sum())
    surprise = surprise_of(shares, rows, size)
    found: list[CopiedBlock] = []
    for n in np.flatnonzero(surprise > limit):
        owners = [int(columns.student[place]) for place in (first[n], second[n])]
        found.append(
            CopiedBlock(
                student_ids=(columns.student_ids[owners[0]], columns.student_ids[owners[1]]),
                starts=(
                    int(first[n] - columns.starts[owners[0]]),
                    int(second[n] - columns.starts[owners[1]]),
                ),
                num_answers=int(size[n]),
                num_expected=float(num_pairs * np.exp(-surprise[n])),
            )
        )
    return sorted(found, key=lambda block: -block.num_answers)


def _equal_windows(columns: Columns) -> tuple[Integers, Integers, float]:
    """Return starts of equal windows, each beside the next one equal to it, and the pairs with equal items."""
    num_windows = len(columns.item) - MIN_BLOCK + 1
    none = np.zeros(0, dtype=np.int64)
    if num_windows < 2:
        return none, none, 1.0
    places = np.arange(num_windows)
    inside = columns.student[:num_windows] == columns.student[MIN_BLOCK - 1 :]
    by_items = rolling(columns.item.astype(np.uint64), MIN_BLOCK)[inside]
    _, counts = np.unique(by_items, return_counts=True)
    num_pairs = max(1.0, float((counts.astype(np.float64) * (counts - 1) / 2).sum()))

    answers = columns.item * columns.num_categories + columns.response
    same = rolling((columns.response == np.roll(columns.response, 1)).astype(np.uint64), MIN_BLOCK - 1)
    constant = (
        np.roll(same, -1)[:num_windows] == rolling(np.ones(MIN_BLOCK, dtype=np.uint64), MIN_BLOCK - 1)[0]
    )
    places = places[inside & ~constant]
    hashes = rolling(answers.astype(np.uint64), MIN_BLOCK)[places]
    order = np.argsort(hashes, kind="stable")
    equal = hashes[order][1:] == hashes[order][:-1]
    first, second = places[order[:-1][equal]], places[order[1:][equal]]
    apart = (columns.student[first] != columns.student[second]) | (second - first >= MIN_BLOCK)
    return first[apart], second[apart], num_pairs


def _longest(columns: Columns, first: Integers, second: Integers) -> tuple[Integers, Integers, Integers]:
    """Join windows into blocks and stretch these to both sides: starts and sizes, each block once."""
    order = np.lexsort((first, second - first))
    first, second = first[order], second[order]
    begins = np.ones(len(first), dtype=np.bool_)
    begins[1:] = (np.diff(second - first) != 0) | (np.diff(first) > MIN_BLOCK)
    heads = np.flatnonzero(begins)
    tails = np.append(heads[1:], len(first)) - 1 if len(heads) else heads
    size = first[tails] - first[heads] + MIN_BLOCK
    first, second = first[heads].copy(), second[heads].copy()
    ahead = _num_equal(columns, first + size, second + size, 1)
    behind = _num_equal(columns, first - 1, second - 1, -1)
    first, second, size = first - behind, second - behind, size + ahead + behind
    own = columns.student[first] == columns.student[second]
    size = np.where(own, np.minimum(size, second - first), size)
    blocks = np.unique(np.stack([first, second, size]), axis=1)
    return blocks[0], blocks[1], blocks[2]


def _num_equal(columns: Columns, first: Integers, second: Integers, direction: int) -> Integers:
    """Return how many answers from these places on, in one direction, are equal within the two students."""
    count = np.zeros(len(first), dtype=np.int64)
    if not len(first):
        return count
    owners = columns.student[first - direction], columns.student[second - direction]
    going = np.arange(len(first))
    last = len(columns.item) - 1
    while len(going):
        one, two = first[going] + direction * count[going], second[going] + direction * count[going]
        inside = (np.minimum(one, two) >= 0) & (np.maximum(one, two) <= last)
        one, two = one.clip(0, last), two.clip(0, last)
        equal = (
            inside & (columns.student[one] == owners[0][going]) & (columns.student[two] == owners[1][going])
        )
        equal &= (columns.item[one] == columns.item[two]) & (columns.response[one] == columns.response[two])
        going = going[equal]
        count[going] += 1
    return count


def _is_one_person(
    columns: Columns, first: Integers, second: Integers, same_person: Mapping[str, int]
) -> NDArray[np.bool_]:
    person = np.array([same_person.get(s, -1 - n) for n, s in enumerate(columns.student_ids)], dtype=np.int64)
    one, two = columns.student[first], columns.student[second]
    return (one != two) & (person[one] == person[two])
