"""Raw answers of many students into a Dataset: scaled, ordered, merged, and the rest in quarantine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from knowtrace.domain import Interaction, Quarantined
from knowtrace.errors import DataError
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.scale import Responses, Scale, decide_scale
from knowtrace.sources.versions import Withdrawal
from knowtrace.standards.cells import YEAR_2000, BadCellError, parse_elapsed, parse_time
from knowtrace.standards.characters import whole

MAX_QUOTED = 200
"""Characters of an offending value that are kept."""

DUPLICATE = "no row repeats the student, item, response, time and position of another"
CONFLICT = "rows of one position agree on the item and the response"
FUTURE = "a time lies at most one day ahead of now"

Order = tuple[float, int]
"""What sorts a student's answers: seconds since 1970 (0 when the source has no time), then the position."""


class Answer(NamedTuple):
    """One row that passed its cell checks; the response is still as written."""

    order: Order
    item_id: str
    skill_ids: tuple[str, ...]
    response: str
    answered_at: datetime | None
    elapsed_seconds: float | None
    hints_used: int | None
    attempt: int | None
    session_id: str | None
    container_id: str | None
    file: str
    line: int
    event_id: str | None = None


@dataclass(kw_only=True)
class Gathering:
    """Takes answers and rejected rows as a reader finds them; `settle` turns them into a Dataset.

    `is_one_answer_per_position` says that rows of one student with one position are one answer, told once for
    each of its skills.
    """

    name: str
    format: str
    response_column: str = "response"
    is_binary: bool = False
    is_one_answer_per_position: bool = False
    answers: dict[str, list[Answer]] = field(default_factory=dict[str, list[Answer]])
    quarantined: list[Quarantined] = field(default_factory=list[Quarantined])
    withdrawals: list[Withdrawal] = field(default_factory=list[Withdrawal])
    notes: list[str] = field(default_factory=list[str])
    num_merged: int = 0
    num_before_2000: int = 0
    num_timed: int = 0
    num_unknown_elapsed: int = 0
    num_backwards: int = 0
    latest_time: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(days=1))

    def reject(self, file: str, line: int, column: str, value: str, rule: str) -> None:
        self.quarantined.append(
            Quarantined(
                file=whole(file), line=line, column=column, value=whole(value[:MAX_QUOTED]), rule=rule
            )
        )

    def time_of(self, text: str, column: str) -> tuple[datetime, float]:
        """Return a time and its seconds since 1970.

        Raises: BadCellError when it is none, or in the future.
        """
        time = parse_time(text, column)
        if time > self.latest_time:
            raise BadCellError(column, text, FUTURE)
        seconds = time.timestamp()
        self.num_timed += 1
        self.num_before_2000 += seconds < YEAR_2000
        return time, seconds

    def elapsed_of(self, text: str, column: str, per_second: float = 1.0) -> float | None:
        """Return seconds from a number in units of `per_second`; None when empty or longer than a day.

        Raises: BadCellError when it is not a number, or negative.
        """
        elapsed = parse_elapsed(text, column, per_second)
        self.num_unknown_elapsed += elapsed is None and text != ""
        return elapsed

    def settle(
        self,
        *,
        responses: Responses | None = None,
        categories: int | None = None,
        splits: Mapping[str, str] | None = None,
        skill_names: Mapping[str, str] | None = None,
    ) -> Dataset:
        """Return the Dataset. Raises: DataError when no answer is left."""
        withdrawn = self._newest()
        texts = {answer.response for rows in self.answers.values() for answer in rows}
        # A file of withdrawals alone tells nothing of responses.
        categories = categories or (None if texts else 2)
        scale = decide_scale(texts, responses=responses, categories=categories, is_binary=self.is_binary)
        self.notes.extend(scale.notes)
        students: dict[str, list[Interaction]] = {}
        files: dict[str, int] = {}
        places: dict[str, NDArray[np.int32]] = {}
        event_ids: dict[str, tuple[str | None, ...]] = {}
        num_sorted = 0
        for student_id in list(self.answers):
            rows = self._with_responses(self.answers.pop(student_id), scale)
            if any(after.order <= before.order for before, after in pairwise(rows)):
                num_sorted += any(after.order < before.order for before, after in pairwise(rows))
                rows.sort(key=lambda row: row.order)
                rows = self._without_repeats(rows)
            if rows:
                students[student_id] = [_interaction(student_id, row, scale) for row in rows]
                places[student_id] = np.array(
                    [(files.setdefault(row.file, len(files)), row.line) for row in rows], dtype=np.int32
                )
                if any(row.event_id for row in rows):
                    event_ids[student_id] = tuple(row.event_id for row in rows)
        if not students and not withdrawn:
            self._raise_nothing_left()
        self._note(num_sorted)
        self.quarantined.sort(key=lambda row: (row.file, row.line))
        return Dataset(
            name=self.name,
            format=self.format,
            students=students,
            num_categories=scale.num_categories,
            splits={s: split for s, split in (splits or {}).items() if s in students},
            skill_names=dict(skill_names or {}),
            quarantined=tuple(self.quarantined),
            notes=tuple(self.notes),
            num_merged=self.num_merged,
            files=tuple(files),
            places=places,
            event_ids=event_ids,
            withdrawn=withdrawn,
        )

    def _newest(self) -> tuple[Withdrawal, ...]:
        """Keep of each student's event ids what was written last, and return those taken back at last.

        Rows that do not count any more are merged.
        """
        last: dict[tuple[str, str], int] = {}
        rows = [
            (student, row) for student, history in self.answers.items() for row in history if row.event_id
        ]
        marks = [(student, row.event_id, row.line) for student, row in rows]
        marks += [(gone.student_id, gone.event_id, gone.line) for gone in self.withdrawals]
        for student, event_id, line in marks:
            key = (student, event_id or "")
            last[key] = max(line, last.get(key, 0))
        if len(last) < len(marks):
            for student, history in self.answers.items():
                self.answers[student] = [
                    row for row in history if not row.event_id or last[student, row.event_id] == row.line
                ]
        kept = [gone for gone in self.withdrawals if last[gone.student_id, gone.event_id] == gone.line]
        # A withdrawal is no answer, so all of them count as merged, also those that stand.
        self.num_merged += len(marks) - len(last) + len(kept)
        return tuple(kept)

    def _with_responses(self, rows: list[Answer], scale: Scale) -> list[Answer]:
        good = [row for row in rows if row.response in scale.categories]
        if len(good) < len(rows):
            for row in rows:
                if row.response not in scale.categories:
                    self.reject(row.file, row.line, self.response_column, row.response, scale.rule)
        return good

    def _without_repeats(self, rows: list[Answer]) -> list[Answer]:
        """Merge rows that only add a skill to the row before them; quarantine repeats and contradictions."""
        kept: list[Answer] = []
        group_start = 0
        for row in rows:
            if not kept or kept[-1].order != row.order:
                group_start = len(kept)
            twin = next(
                (
                    i
                    for i in range(group_start, len(kept))
                    if kept[i].item_id == row.item_id
                    and kept[i].response == row.response
                    and kept[i].event_id == row.event_id
                ),
                None,
            )
            if twin is None:
                if self.is_one_answer_per_position and len(kept) > group_start:
                    self.reject(row.file, row.line, self.response_column, row.response, CONFLICT)
                else:
                    kept.append(row)
                continue
            new_skills = tuple(skill for skill in row.skill_ids if skill not in kept[twin].skill_ids)
            if new_skills or self.is_one_answer_per_position:
                kept[twin] = kept[twin]._replace(skill_ids=kept[twin].skill_ids + new_skills)
                self.num_merged += 1
            else:
                self.reject(row.file, row.line, "", f"{row.item_id}, {row.response}", DUPLICATE)
        return kept

    def _note(self, num_sorted: int) -> None:
        if self.num_unknown_elapsed:
            self.notes.append(f"{self.num_unknown_elapsed:,} elapsed times exceed a day: kept as unknown.")
        if self.num_backwards:
            self.notes.append(
                f"{self.num_backwards:,} answers end before they start, as clocks that disagree make them: kept, how "
                "long they took is unknown."
            )
        if self.num_merged:
            self.notes.append(
                f"{self.num_merged:,} rows told more about an answer already read and were merged."
            )
        if num_sorted:
            self.notes.append(
                f"{num_sorted:,} students' rows were out of order: sorted by time, then position, then file "
                "order."
            )
        if self.num_timed and self.num_before_2000 == self.num_timed:
            self.notes.append(
                "Times count seconds from an unknown origin, shown as if it were 1970: only their "
                "differences mean anything."
            )
        elif self.num_before_2000:
            self.notes.append(f"{self.num_before_2000:,} times lie before the year 2000: look at them.")

    def _raise_nothing_left(self) -> None:
        if not self.quarantined:
            raise DataError(f"{self.name} holds no answers, only a header: give a file with rows.")
        first = self.quarantined[0]
        where = f"{first.file} line {first.line}" + (f", column {first.column}" if first.column else "")
        raise DataError(
            f"None of the {len(self.quarantined):,} rows of {self.name} is an answer; the first ({where}, "
            f"value {first.value[:60]!r}) breaks the rule: {first.rule}."
        )


def _interaction(student_id: str, row: Answer, scale: Scale) -> Interaction:
    return Interaction(
        student_id=student_id,
        item_id=row.item_id,
        skill_ids=row.skill_ids,
        response=scale.categories[row.response],
        answered_at=row.answered_at,
        elapsed_seconds=row.elapsed_seconds,
        hints_used=row.hints_used,
        attempt=row.attempt,
        session_id=row.session_id,
        container_id=row.container_id,
    )
