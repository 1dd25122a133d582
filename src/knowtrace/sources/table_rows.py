"""The rows of a table into answers: the loop that a million rows go through."""

from datetime import datetime, timedelta
from typing import TextIO

from knowtrace.sources.gathering import Answer, Gathering, Order
from knowtrace.sources.layout import Layout
from knowtrace.sources.lines import numbered_lines
from knowtrace.sources.records import TOO_LONG, header_of, records
from knowtrace.sources.versions import Withdrawal, is_withdrawn
from knowtrace.standards.cells import (
    NO_ITEM,
    NO_STUDENT,
    BadCellError,
    parse_count,
    parse_integer,
    parse_time,
)

ABSENT = ("", "NA", "nan", "NaN", "NULL")
"""How exports write that an answer has no skill."""

Details = tuple[float | None, int | None, int | None, str | None, str | None]
"""Elapsed seconds, hints used, attempt, session, container."""


class RowReader:
    """Reads one table into a Gathering, and keeps what the table says beside its answers.

    Texts that repeat are shared: that keeps a million rows small.
    """

    def __init__(self, file: str, layout: Layout, gathering: Gathering) -> None:
        self.file = file
        self.layout = layout
        self.gathering = gathering
        self.splits: set[tuple[str, str]] = set()
        self.skill_names: dict[str, str] = {}
        self._at: dict[str, int] = {}
        self._shared: dict[str, str] = {}
        self._skills_of: dict[str, tuple[str, ...]] = {}

    def read_all(self, stream: TextIO) -> None:
        """Gather every row; a row that breaks a rule goes to quarantine."""
        lines = numbered_lines(stream, lambda number, line: self._reject(number, "", line, TOO_LONG))
        delimiter, header = header_of(next((line for _, line in lines if line.strip()), ""))
        at = self._at = {role: header.index(column) for role, column in self.layout.columns.items()}
        student_at, item_at = at["student"], at["item" if "item" in at else "skill"]
        response_at = at["correct" if "correct" in at else "response"]
        skill_at, split_at = at.get("skill"), at.get("split")
        has_order = bool({"time", "position"} & at.keys())
        has_details = bool({"elapsed", "hints", "attempt", "session", "container"} & at.keys())
        starts = self.layout.is_time_of_start
        has_decimal_items = self.layout.has_decimal_skill_ids and "item" not in at
        event_at, withdrawn_at = at.get("event"), at.get("withdrawn")
        answers, share = self.gathering.answers, self._shared.setdefault
        answered_at, details = None, (None, None, None, None, None)
        for line, cells in records(lines, delimiter, header, self._reject):
            student, item = cells[student_at].strip(), cells[item_at].strip()
            if has_decimal_items:
                item = item.removesuffix(".0")
            response, order = cells[response_at].strip(), (0.0, line)
            event = None if event_at is None else cells[event_at].strip() or None
            try:
                if withdrawn_at is not None and is_withdrawn(
                    cells[withdrawn_at].strip(), event or "", self.layout.columns
                ):
                    self._withdraw(student, event or "", line)
                    continue
                if not student or not item:
                    self._raise_missing(student)
                if has_order:
                    order, answered_at = self._when(cells)
                if has_details:
                    details = self._details(cells, order[0])
                if starts and answered_at is not None and details[0] is not None:
                    order = (order[0] + details[0], order[1])
                    answered_at += timedelta(seconds=details[0])
            except BadCellError as bad:
                self._reject(line, bad.column, bad.value, bad.rule)
                continue
            skills = () if skill_at is None else self._skills_of.get(cells[skill_at])
            if skills is None:
                skills = self._skills(cells)
            if split_at is not None:
                self.splits.add((student, cells[split_at].strip()))
            answer = Answer(
                order,
                share(item, item),
                skills,
                share(response, response),
                answered_at,
                *details,
                self.file,
                line,
                event,
            )
            history = answers.get(student)
            if history is None:
                answers[student] = [answer]
            else:
                history.append(answer)

    def _withdraw(self, student: str, event_id: str, line: int) -> None:
        if not student:
            self._raise_missing(student)
        withdrawal = Withdrawal(student_id=student, event_id=event_id, file=self.file, line=line)
        self.gathering.withdrawals.append(withdrawal)

    def _reject(self, line: int, column: str, value: str, rule: str) -> None:
        self.gathering.reject(self.file, line, column, value, rule)

    def _raise_missing(self, student: str) -> None:
        columns = self.layout.columns
        if not student:
            raise BadCellError(columns["student"], "", NO_STUDENT)
        raise BadCellError(columns["item" if "item" in columns else "skill"], "", NO_ITEM)

    def _when(self, cells: list[str]) -> tuple[Order, datetime | None]:
        """Return what sorts a row, and its time."""
        time_at, position_at = self._at.get("time"), self._at.get("position")
        answered_at, seconds, position = None, 0.0, 0
        if time_at is not None:
            answered_at, seconds = self.gathering.time_of(cells[time_at].strip(), self.layout.columns["time"])
        if position_at is not None:
            position = parse_integer(cells[position_at], self.layout.columns["position"])
        return (seconds, position), answered_at

    def _details(self, cells: list[str], seconds: float) -> Details:
        def cell(role: str) -> str:
            at = self._at.get(role)
            return "" if at is None else cells[at].strip()

        columns, share = self.layout.columns, self._shared.setdefault
        elapsed = self.gathering.elapsed_of(
            cell("elapsed"), columns.get("elapsed", ""), self.layout.elapsed_per_second
        )
        if (start := cell("start")) and parse_time(start, columns["start"]).timestamp() > seconds:
            self.gathering.num_backwards += 1
            elapsed = None
        session, container = cell("session"), cell("container")
        return (
            elapsed,
            parse_count(cell("hints"), columns.get("hints", "")),
            parse_count(cell("attempt"), columns.get("attempt", "")),
            share(session, session) or None,
            share(container, container) or None,
        )

    def _skills(self, cells: list[str]) -> tuple[str, ...]:
        """Return the skills of a cell not met before, each once, in the order written."""
        cell = cells[self._at["skill"]]
        ids = [skill.strip() for skill in cell.split(";")]
        if self.layout.has_decimal_skill_ids:
            ids = [skill.removesuffix(".0") for skill in ids]
        share = self._shared.setdefault
        skills = tuple(dict.fromkeys(share(skill, skill) for skill in ids if skill not in ABSENT))
        name_at = self._at.get("skill_name")
        if name_at is not None and len(skills) == 1 and cells[name_at].strip():
            self.skill_names.setdefault(skills[0], cells[name_at].strip())
        self._skills_of[cell] = skills
        return skills
