"""EDM Cup's clicks: what each student did at each problem of an assignment, up to the first response."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from knowtrace.sources.actions import action_notes
from knowtrace.sources.column_rows import column_rows
from knowtrace.sources.gathering import Gathering
from knowtrace.standards.cells import NO_ITEM, BadCellError

COLUMNS = ("assignment_log_id", "timestamp", "problem_id", "action")

RESPONSES = {"correct_response": "1", "wrong_response": "0"}
STARTED = "problem_started"
HELP = frozenset(
    {
        "hint_requested",
        "answer_requested",
        "explanation_requested",
        "skill_related_video_requested",
        "live_tutor_requested",
    }
)
OTHERS = frozenset(
    {
        "assignment_started",
        "assignment_resumed",
        "assignment_finished",
        "problem_finished",
        "continue_selected",
        "open_response",
    }
)
ANSWER_SHOWN = "answer_requested"

Moment = tuple[float, int]
"""Seconds since 1970 and the line: actions of one moment are ordered as they stand."""


@dataclass(slots=True, kw_only=True)
class Visit:
    """What a student did at one problem of one assignment; `first` is the first response, `shown` when the answer was
    first shown on request."""

    started: Moment | None = None
    first: Moment | None = None
    answered_at: datetime | None = None
    response: str = ""
    helps: list[Moment] = field(default_factory=list[Moment])
    shown: Moment | None = None


def read_visits(path: Path, gathering: Gathering) -> dict[tuple[str, str], Visit]:
    """Return the visits that have a response, by assignment and problem; count the rows that are none.

    Raises: DataError when columns are missing.
    """
    visits: dict[tuple[str, str], Visit] = {}
    others: Counter[str] = Counter()

    def reject(line: int, column: str, value: str, rule: str) -> None:
        gathering.reject(path.name, line, column, value, rule)

    for line, (assignment_id, timestamp, problem_id, action) in column_rows(path, COLUMNS, reject):
        if action not in RESPONSES and action not in HELP and action != STARTED:
            others[action] += 1
            continue
        if not problem_id:
            reject(line, "problem_id", "", NO_ITEM)
            continue
        try:
            time, seconds = gathering.time_of(timestamp, "timestamp")
        except BadCellError as bad:
            reject(line, bad.column, bad.value, bad.rule)
            continue
        visit = visits.setdefault((assignment_id, problem_id), Visit())
        if action in RESPONSES:
            gathering.num_merged += visit.first is not None
            _take_response(visit, (seconds, line), time, RESPONSES[action])
        else:
            others[action] += 1
            _take_other(visit, (seconds, line), action)
    gathering.notes += action_notes(others, HELP | OTHERS | {STARTED}, "EDM Cup")
    return {key: visit for key, visit in visits.items() if visit.first is not None}


def _take_response(visit: Visit, moment: Moment, time: datetime, response: str) -> None:
    if visit.first is None or moment < visit.first:
        visit.first, visit.answered_at, visit.response = moment, time, response


def _take_other(visit: Visit, moment: Moment, action: str) -> None:
    if action == ANSWER_SHOWN:
        visit.shown = moment if visit.shown is None else min(visit.shown, moment)
    if action in HELP:
        visit.helps.append(moment)
    else:
        visit.started = moment if visit.started is None else min(visit.started, moment)
