"""What every source becomes: each student's interactions in order, and what was wrong with the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from knowtrace.domain import DescribedItem, Interaction, Quarantined
from knowtrace.sources.shards import Shards
from knowtrace.sources.versions import Withdrawal


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Answers of many students, ready to be split and learnt from.

    `students` maps a student to that student's interactions in the order they were given. `splits` holds the
    published part of each student ("fold0" … "test"), and is empty when the source publishes none.
    `oracle`, for simulated data only, maps a student to the true category probabilities, (T, K); `ideal` to those that
    could be known before each answer (`ideal_observer`).
    `num_merged` counts rows that only say more about an answer another row already holds: a further skill,
    an earlier choice. Rows in = interactions + merged + quarantined.
    `places` says where a student's interactions were read, (T, 2): the file's number in `files`, and the line. A source
    that does not tell has none.
    `event_ids` are the source's own ids of a student's answers, one each, where it gives them; `withdrawn` are the
    answers that it takes back and may have told before.
    `described` are items whose content is known, by id: some of those that were answered, and others.
    `shards` are the same answers in columns, of a source that can pass over them without holding them all.
    """

    name: str
    format: str
    students: Mapping[str, Sequence[Interaction]]
    num_categories: int
    splits: Mapping[str, str] = field(default_factory=dict[str, str])
    skill_names: Mapping[str, str] = field(default_factory=dict[str, str])
    quarantined: Sequence[Quarantined] = ()
    notes: Sequence[str] = ()
    oracle: Mapping[str, NDArray[np.float64]] | None = None
    ideal: Mapping[str, NDArray[np.float64]] | None = None
    num_merged: int = 0
    files: Sequence[str] = ()
    places: Mapping[str, NDArray[np.int32]] = field(default_factory=dict[str, NDArray[np.int32]])
    event_ids: Mapping[str, Sequence[str | None]] = field(default_factory=dict[str, Sequence[str | None]])
    withdrawn: Sequence[Withdrawal] = ()
    described: Mapping[str, DescribedItem] = field(default_factory=dict[str, DescribedItem])
    shards: Shards | None = None

    @cached_property
    def num_interactions(self) -> int:
        return sum(len(history) for history in self.students.values())

    @cached_property
    def category_counts(self) -> NDArray[np.int64]:
        """How many answers have each response, (K,)."""
        if self.shards is not None:
            counts = [np.bincount(shard.responses, minlength=self.num_categories) for shard in self.shards]
            return np.array(counts, dtype=np.int64).sum(axis=0)
        responses = [answer.response for history in self.students.values() for answer in history]
        return np.bincount(np.array(responses, dtype=np.int64), minlength=self.num_categories)
