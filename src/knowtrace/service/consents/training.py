"""A tenant's answers as a table to train on, of those students only who agreed to it."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from knowtrace.errors import ConflictError, DataError
from knowtrace.store import Store, StoredEvent
from knowtrace.store.portability import TRAINING

PAGE = 500
BINARY = 1

COLUMNS = ("event_id", "student_id", "item_id", "skill_ids", "response", "answered_at", "elapsed_seconds",
           "hints_used", "attempt", "session_id")  # fmt: skip
BETWEEN_SKILLS = ";"
UNFINISHED = ".part"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a file of answers holds, and how many students it leaves out for want of consent."""

    num_answers: int
    num_students: int
    num_left_out: int


async def write_answers(store: Store, tenant_id: str, path: Path, *, without_decision: bool) -> Written:
    """Write the answers as a CSV that only its owner may read; there is a whole file at `path`, or none.

    `without_decision` says whether students who were never asked are in it.

    Raises:
        DataError: a skill id holds the character that stands between skills.
        ConflictError: an erasure has deleted what was written so far.
    """
    partial = path.with_name(f"{path.name}{UNFINISHED}")
    try:
        with os.fdopen(
            os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", newline="", encoding="utf-8"
        ) as file:
            written = await _write(store, tenant_id, file, without_decision)
        try:
            partial.replace(path)
        except FileNotFoundError as error:
            raise ConflictError(
                f"A student was erased while {path.name} was written, so it was deleted. Write it again."
            ) from error
    finally:
        partial.unlink(missing_ok=True)
    return written


async def refusing(store: Store, tenant_id: str, *, without_decision: bool) -> list[str]:
    """Return the students whose answers may train no model, in order; `without_decision` as in `write_answers`."""
    async with store.reading(tenant_id) as session:
        decided = await session.consents.decided(TRAINING)
        refused = {student_id for student_id, is_given in decided.items() if not is_given}
        after = ""
        while not without_decision and (page := await session.students.page(limit=PAGE, after=after)):
            after = page[-1].student_id
            refused.update(one.student_id for one in page if one.student_id not in decided)
    return sorted(refused)


async def _write(store: Store, tenant_id: str, file: TextIO, without_decision: bool) -> Written:
    num_answers = num_students = num_left_out = 0
    # One snapshot: who withdraws consent while it is written is out of the next file.
    async with store.reading(tenant_id) as session:
        decided = await session.consents.decided(TRAINING)
        is_binary = await session.belongings.highest_response() <= BINARY
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow("correct" if is_binary and name == "response" else name for name in COLUMNS)
        after = ""
        while page := await session.students.page(limit=PAGE, after=after):
            after = page[-1].student_id
            for student in page:
                if not decided.get(student.student_id, without_decision):
                    num_left_out += 1
                    continue
                num_students += 1
                async for events in session.events.history(student.student_id):
                    writer.writerows(_row(event) for event in events)
                    num_answers += len(events)
    return Written(num_answers=num_answers, num_students=num_students, num_left_out=num_left_out)


def _row(event: StoredEvent) -> list[Any]:
    answer = event.interaction
    if any(BETWEEN_SKILLS in skill_id for skill_id in answer.skill_ids):
        raise DataError(
            f"Answer {event.event_id!r} touches a skill whose id holds {BETWEEN_SKILLS!r}, which stands between skills "
            "in the table. Correct the answer with another id of the skill."
        )
    return [
        event.event_id,
        answer.student_id,
        answer.item_id,
        BETWEEN_SKILLS.join(answer.skill_ids),
        answer.response,
        event.place[0].isoformat(),
        answer.elapsed_seconds,
        answer.hints_used,
        answer.attempt,
        answer.session_id,
    ]
