"""Small data written by hand or drawn at random, and reporters that stop a training."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from knowtrace.domain import UNKNOWN_TIME, Interaction
from knowtrace.sources import Dataset
from knowtrace.training import Sequences

START = datetime(2026, 5, 4, 12, tzinfo=UTC)


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


def given_in(sizes: Sequence[Sequence[int]], *, seed: int = 0) -> Sequences:
    """Return random answers of students whose containers have these sizes."""
    sequences = random_sequences([sum(of_student) for of_student in sizes], seed=seed)
    begins = [place == 0 for of_student in sizes for size in of_student for place in range(size)]
    return replace(sequences, begins=np.array(begins))


def coin_tosses(*, num_students: int = 120, num_containers: int = 6, size: int = 6) -> Dataset:
    """Return students whose answers of one container are all right or all wrong, as a coin falls.

    A container's answers have one time, an hour after those of the last, and took a minute each.
    """
    rng = np.random.default_rng(5)
    students: dict[str, list[Interaction]] = {}
    for n in range(num_students):
        history: list[Interaction] = []
        for c in range(num_containers):
            coin = int(rng.integers(2))
            at = START + timedelta(hours=c)
            for item in rng.permutation(20)[:size].tolist():
                history.append(
                    Interaction(
                        student_id=f"s{n}",
                        item_id=f"i{item}",
                        skill_ids=(f"k{item % 3}",),
                        response=coin,
                        answered_at=at,
                        elapsed_seconds=60.0,
                        container_id=str(c),
                    )
                )
        students[f"s{n}"] = history
    return Dataset(name="coins", format="test", students=students, num_categories=2)


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
