"""Small data written by hand or drawn at random, and reporters that stop a training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from knowtrace.domain import UNKNOWN_TIME, Interaction
from knowtrace.sources import Dataset
from knowtrace.training import Sequences


def dataset_of(
    histories: Mapping[str, Sequence[tuple[str, tuple[str, ...], int]]],
    *,
    num_categories: int = 2,
    splits: Mapping[str, str] | None = None,
) -> Dataset:
    """Return a dataset from (item, skills, response) triples by student."""
    return Dataset(
        name="by hand",
        format="test",
        students={
            student_id: [
                Interaction(student_id=student_id, item_id=item_id, skill_ids=skill_ids, response=response)
                for item_id, skill_ids, response in history
            ]
            for student_id, history in histories.items()
        },
        num_categories=num_categories,
        splits=splits or {},
    )


def students_of(num_students: int, splits: Mapping[str, str] | None = None) -> Dataset:
    """Return students "s0", "s1" … with two answers each."""
    return dataset_of({f"s{n}": [("a", (), 0), ("a", (), 1)] for n in range(num_students)}, splits=splits)


def random_sequences(lengths: Sequence[int], *, seed: int = 0, num_items: int = 12) -> Sequences:
    rng = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Sequences(
        student_ids=tuple(f"s{n}" for n in range(len(lengths))),
        starts=starts,
        items=rng.integers(1, num_items, starts[-1]),
        skills=rng.integers(1, 6, (starts[-1], 2)),
        responses=rng.integers(0, 2, starts[-1]),
        begins=np.ones(starts[-1], dtype=bool),
        lags=np.full(starts[-1], UNKNOWN_TIME, dtype=np.float32),
        elapsed=np.full(starts[-1], UNKNOWN_TIME, dtype=np.float32),
        groups=np.zeros(len(lengths), dtype=np.int64),
    )


class Quiet:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self.epochs_done: int | None = None

    def begin(self, *, epochs: int, answers_per_epoch: int, epochs_done: int) -> None:
        self.epochs_done = epochs_done

    def advance(self, answers: int) -> None:
        pass

    def epoch(self, record: dict[str, Any]) -> None:
        self.records.append(record)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


class Killed(BaseException):
    """The process ends here."""


class KilledIn(Quiet):
    """Ends the process after the first step of one epoch."""

    def __init__(self, *, epoch: int) -> None:
        super().__init__()
        self.last = epoch

    def advance(self, answers: int) -> None:
        if len(self.records) == self.last - 1:
            raise Killed
