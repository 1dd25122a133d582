"""Contamination put into clean data on purpose, so that what is found can be compared with what is there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from knowtrace.domain import Interaction
from knowtrace.sources.dataset import Dataset

SESSION = 20


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A contaminated dataset and the pairs that were put into it; a block's pair is (from, to)."""

    dataset: Dataset
    twins: frozenset[tuple[str, str]]
    blocks: frozenset[tuple[str, str]]
    items: frozenset[tuple[str, str]]


def plant(
    dataset: Dataset,
    seed: int,
    *,
    num_twins: int = 0,
    twin_noise: float = 0.02,
    num_blocks: int = 0,
    block_length: int = 40,
    num_items: int = 0,
    item_noise: float = 0.02,
) -> Planted:
    """Return the dataset with students, runs of answers and items stored a second time.

    A twin has the history of a student in sessions of 20 in another order, and gave another response with
    probability `twin_noise`. A block goes from one student to another, every fourth to the end of the same
    student's history. An item's second id is answered right after the first; for every second item only at the
    end of the history. Its response differs with probability `item_noise`. The oracle is left out.
    Raises: ValueError when there are too few students or items for that.
    """
    rng = np.random.default_rng(seed)
    students = {student_id: list(history) for student_id, history in dataset.students.items()}
    item_ids = sorted({answer.item_id for history in students.values() for answer in history})
    needed = num_twins + 2 * num_blocks
    if needed > len(students) or num_items > len(item_ids):
        raise ValueError(
            f"{num_twins} twins and {num_blocks} blocks need {needed} students, {num_items} items as many: "
            f"there are {len(students)} and {len(item_ids)}."
        )
    chosen = [str(student_id) for student_id in rng.permutation(list(students))[:needed]]
    blocks: list[tuple[str, str]] = []
    for n in range(num_blocks):
        giver, taker = chosen[2 * n], chosen[2 * n + 1]
        taker = giver if n % 4 == 3 else taker
        _copy_block(students, giver, taker, block_length, rng)
        blocks.append((giver, taker))
    items = [(str(i), f"{i}-again") for i in rng.permutation(item_ids)[:num_items]]
    _store_items_twice(students, dict(items), item_noise, dataset.num_categories, rng)
    twins = [(student_id, f"{student_id}-again") for student_id in chosen[2 * num_blocks :]]
    for original, again in twins:
        students[again] = [
            _noisy(replace(answer, student_id=again), twin_noise, dataset.num_categories, rng)
            for answer in _in_other_order(students[original], rng)
        ]
    return Planted(
        dataset=replace(dataset, students=students, splits={}, oracle=None, ideal=None),
        twins=frozenset(twins),
        blocks=frozenset(blocks),
        items=frozenset(items),
    )


def _copy_block(
    students: dict[str, list[Interaction]], giver: str, taker: str, length: int, rng: Generator
) -> None:
    start = int(rng.integers(max(1, len(students[giver]) - length + 1)))
    block = [replace(answer, student_id=taker) for answer in students[giver][start : start + length]]
    history = students[taker]
    place = len(history) if giver == taker else int(rng.integers(len(history) + 1))
    students[taker] = history[:place] + block + history[place:]


def _store_items_twice(
    students: dict[str, list[Interaction]],
    again: dict[str, str],
    noise: float,
    num_categories: int,
    rng: Generator,
) -> None:
    at_once = set(list(again)[::2])
    for student_id, history in students.items():
        stored: list[Interaction] = []
        later: list[Interaction] = []
        for answer in history:
            stored.append(answer)
            if answer.item_id in again:
                second = replace(answer, item_id=again[answer.item_id])
                place = stored if answer.item_id in at_once else later
                place.append(_noisy(second, noise, num_categories, rng))
        students[student_id] = stored + later


def _in_other_order(history: Sequence[Interaction], rng: Generator) -> list[Interaction]:
    sessions = [history[n : n + SESSION] for n in range(0, len(history), SESSION)]
    return [answer for n in rng.permutation(len(sessions)) for answer in sessions[n]]


def _noisy(answer: Interaction, noise: float, num_categories: int, rng: Generator) -> Interaction:
    if rng.random() >= noise:
        return answer
    other = (answer.response + int(rng.integers(1, num_categories))) % num_categories
    return replace(answer, response=other)
