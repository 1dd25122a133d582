"""Shards into arrays: what interactions give, whatever the shards are cut into."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from knowtrace.domain import Interaction
from knowtrace.errors import TrainingError
from knowtrace.sources import Dataset
from knowtrace.sources.equal_histories import find_equal_histories
from knowtrace.sources.shards import UNKNOWN_MOMENT, Shard
from knowtrace.training import build_vocabulary, encode, fingerprint, persons
from knowtrace.training.containers import begins_of
from knowtrace.training.scratch import MEMORY, Scratch
from training.histories import START, given_in

SKILLS: tuple[tuple[str, ...], ...] = ((), ("x",), ("x", "y"), ("y", "x"), ("x", "y", "x"), ("z",))


@dataclass
class CutUp:
    """A dataset's answers as shards of some students each."""

    dataset: Dataset
    size: int

    @property
    def item_ids(self) -> list[str]:
        return sorted({answer.item_id for history in self.dataset.students.values() for answer in history})

    @property
    def skill_sets(self) -> tuple[tuple[str, ...], ...]:
        return SKILLS

    def __iter__(self) -> Iterator[Shard]:
        students = list(self.dataset.students.items())
        for first in range(0, len(students), self.size):
            part = students[first : first + self.size]
            answers = [answer for _, history in part for answer in history]
            yield Shard(
                student_ids=[student_id for student_id, _ in part],
                starts=np.cumsum([0, *(len(history) for _, history in part)]),
                items=np.array([self.item_ids.index(answer.item_id) for answer in answers]),
                skill_sets=np.array([SKILLS.index(answer.skill_ids) for answer in answers]),
                responses=np.array([answer.response for answer in answers]),
                begins=np.array([begins for _, history in part for begins in begins_of(history)]),
                answered_at=np.array([_moment(answer) for answer in answers]),
                elapsed_seconds=np.array(
                    [
                        np.nan if answer.elapsed_seconds is None else answer.elapsed_seconds
                        for answer in answers
                    ]
                ),
            )


def _moment(answer: Interaction) -> int:
    at = answer.answered_at
    return UNKNOWN_MOMENT if at is None else (at - START) // timedelta(microseconds=1)


def drawn(seed: int, *, num_students: int = 7) -> Dataset:
    """Return histories with answers given together, times and durations that are missing, and skills named twice."""
    rng = random.Random(seed)
    students: dict[str, list[Interaction]] = {}
    for n in range(num_students):
        at, container = 0.0, 0
        history: list[Interaction] = []
        for _ in range(rng.randint(1, 12)):
            at += rng.choice([0.0, 7.3, 45.123457, 5_000.5])
            container += rng.random() < 0.6
            history.append(
                Interaction(
                    student_id=f"s{n}",
                    item_id=f"i{rng.randint(0, 5)}",
                    skill_ids=rng.choice(SKILLS),
                    response=rng.randint(0, 2),
                    answered_at=None if rng.random() < 0.1 else START + timedelta(seconds=at),
                    elapsed_seconds=None if rng.random() < 0.2 else rng.random() * 60,
                    container_id=None if rng.random() < 0.1 else str(container),
                )
            )
        students[f"s{n}"] = history
    return Dataset(name="drawn", format="test", students=students, num_categories=3)


@pytest.mark.parametrize("seed", range(25))
def test_shards_are_encoded_as_interactions_are(seed: int, tmp_path: Path) -> None:
    held = drawn(seed)
    shards = replace(held, shards=CutUp(held, size=1 + seed % 4))
    train, others = ["s5", "s1", "s2"], ["s6", "s0", "s3", "s4"]
    known = build_vocabulary(held, train)
    assert build_vocabulary(shards, train) == known
    for part, groups in ((train, {"s1": 4}), (others, None)):
        one = encode(shards, part, known, groups=groups, scratch=Scratch(tmp_path))
        other = encode(held, part, known, groups=groups)
        for name in ("starts", "items", "skills", "responses", "begins", "lags", "elapsed", "groups"):
            assert getattr(one, name).tolist() == getattr(other, name).tolist(), name
    assert shards.category_counts.tolist() == held.category_counts.tolist()
    assert list(tmp_path.iterdir()) == []


def test_a_fingerprint_does_not_depend_on_where_shards_are_cut() -> None:
    held = drawn(1)
    prints = {fingerprint(replace(held, shards=CutUp(held, size=size))) for size in (1, 3, 7)}
    assert len(prints) == 1
    other = drawn(2)
    assert fingerprint(replace(other, shards=CutUp(other, size=3))) not in prints


def test_equal_histories_are_linked_and_stand_in_for_twins_among_very_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(persons, "MOST_SEARCHED", 10)
    rng = random.Random(0)
    long = [
        Interaction(student_id="s", item_id=f"i{n}", skill_ids=(), response=rng.randint(0, 1))
        for n in range(20)
    ]
    other = [*long[:-1], replace(long[-1], response=1 - long[-1].response)]
    students = {"a": long, "b": other, "c": long, "d": long[:5], "e": long[:5]}
    held = Dataset(name="t", format="test", students=students, num_categories=2)
    shards = replace(held, shards=CutUp(held, size=2))
    assert find_equal_histories(CutUp(held, size=2)) == [("a", "c")]
    assert persons.same_students(shards) == [("a", "c")]


def test_turning_draws_the_same_whatever_is_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number per container in order, as one call for all of them draws it."""
    sequences = given_in([[3, 1, 2], [1, 1], [4, 5, 1, 7], [2, 9]], seed=2)
    at_once = np.random.default_rng(5).integers([3, 1, 2, 1, 1, 4, 5, 1, 7, 2, 9])
    for size in (4, 1_000):
        monkeypatch.setattr("knowtrace.training.stretches.ANSWERS_AT_ONCE", size)
        shifts = sequences.whole.turned(np.random.default_rng(5)).shifts
        assert shifts is not None
        assert shifts[np.flatnonzero(sequences.begins)].tolist() == at_once.tolist()


def test_a_disk_without_room_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(TrainingError, match=r"no room for 8 MiB of answers \(No space left"):
        Scratch(tmp_path).empty((2**20,), np.int64)
    assert MEMORY.empty((3,), np.int64).shape == (3,)
