"""A dataset without some of its students: those who may not be learnt from."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from knowtrace.domain import Interaction
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.shards import Shard, Shards

Value = TypeVar("Value")


def without_students(dataset: Dataset, student_ids: Collection[str]) -> Dataset:
    """Return a dataset in which nothing tells of some students; those it does not have are left out already.

    `quarantined`, `notes` and `withdrawn` stay as they are: no model learns from them.
    """
    out = frozenset(student_ids)

    def others(told: Mapping[str, Value]) -> dict[str, Value]:
        return {student_id: value for student_id, value in told.items() if student_id not in out}

    return replace(
        dataset,
        students=_Others(dataset.students, out),
        splits=others(dataset.splits),
        oracle=None if dataset.oracle is None else others(dataset.oracle),
        ideal=None if dataset.ideal is None else others(dataset.ideal),
        places=others(dataset.places),
        event_ids=others(dataset.event_ids),
        shards=None if dataset.shards is None else _OtherShards(dataset.shards, out),
    )


class _Others(Mapping[str, Sequence[Interaction]]):
    """Histories of everybody else; a lake makes each when it is asked for, and so does this."""

    def __init__(self, students: Mapping[str, Sequence[Interaction]], out: frozenset[str]) -> None:
        self._students, self._out = students, out
        self._num_out = sum(student_id in students for student_id in out)

    def __len__(self) -> int:
        return len(self._students) - self._num_out

    def __iter__(self) -> Iterator[str]:
        return (student_id for student_id in self._students if student_id not in self._out)

    def __getitem__(self, student_id: str) -> Sequence[Interaction]:
        if student_id in self._out:
            raise KeyError(student_id)
        return self._students[student_id]


@dataclass(frozen=True)
class _OtherShards:
    shards: Shards
    out: frozenset[str]

    @property
    def item_ids(self) -> Sequence[str]:
        return self.shards.item_ids

    @property
    def skill_sets(self) -> Sequence[tuple[str, ...]]:
        return self.shards.skill_sets

    def __iter__(self) -> Iterator[Shard]:
        return (_others_of(shard, self.out) for shard in self.shards)


def _others_of(shard: Shard, out: frozenset[str]) -> Shard:
    stays = np.array([student_id not in out for student_id in shard.student_ids], dtype=bool)
    if stays.all():
        return shard
    lengths = np.diff(shard.starts)
    kept = np.repeat(stays, lengths)
    return Shard(
        student_ids=[student_id for student_id in shard.student_ids if student_id not in out],
        starts=np.concatenate([np.zeros(1, dtype=np.int64), lengths[stays].cumsum()]),
        items=shard.items[kept],
        skill_sets=shard.skill_sets[kept],
        responses=shard.responses[kept],
        begins=shard.begins[kept],
        answered_at=shard.answered_at[kept],
        elapsed_seconds=shard.elapsed_seconds[kept],
    )
