"""All answers of a dataset as columns of integers, for what looks at every answer of every student at once."""

from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from knowtrace.sources.dataset import Dataset

Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Answers one after the other, student by student, in the order they were given.

    `student`, `item` and `response` are (N,): indices into the ids, and categories 0..K-1. `starts` is
    (students + 1,): the answers of student s are starts[s]..starts[s + 1] - 1.
    """

    student_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    student: Integers
    item: Integers
    response: Integers
    starts: Integers
    num_categories: int

    @cached_property
    def first_rows(self) -> Integers:
        """The places of each student's first answer to each item, ordered by student, then item."""
        keys = self.student * len(self.item_ids) + self.item
        return np.unique(keys, return_index=True)[1].astype(np.int64)


def columns_of(dataset: Dataset) -> Columns:
    """Return a dataset's answers as columns; items are numbered in the order they first appear."""
    lengths = [len(history) for history in dataset.students.values()]
    index: dict[str, int] = {}
    answers = chain.from_iterable(dataset.students.values())
    item = [index.setdefault(answer.item_id, len(index)) for answer in answers]
    answers = chain.from_iterable(dataset.students.values())
    return Columns(
        student_ids=tuple(dataset.students),
        item_ids=tuple(index),
        student=np.repeat(np.arange(len(lengths)), lengths),
        item=np.array(item, dtype=np.int64),
        response=np.array([answer.response for answer in answers], dtype=np.int64),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        num_categories=dataset.num_categories,
    )
