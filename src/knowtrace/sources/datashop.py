"""DataShop's student-step roll-up: a tab-separated row per student and step, with several models of the skills.

- The item is the problem and the step, joined by " / ".
- An answer is right when the first attempt is `correct`; a hint asked for first is a wrong answer. The KDD Cup's
  releases call the column `Correct First Attempt` and write 1 and 0.
- The time is `First Transaction Time`, or `Step Start Time` where that is empty; steps of one moment are ordered
  by `Row`, else as they stand in the file. A cell that holds "." is empty. How long a step took
  is unknown where its first transaction lies before its start.
- Skills are those of one column `KC (name)`, joined by "~~": the caller's, or the first.
- Hints used are `Hints`; the attempts are `Incorrects` and `Corrects` together.
- The format has no quoting: a quotation mark is a character.
"""

from datetime import datetime
from pathlib import Path

from knowtrace.errors import DataError
from knowtrace.sources.column_rows import column_rows
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.gathering import Answer, Gathering, Order
from knowtrace.sources.lines import first_lines
from knowtrace.sources.records import header_of
from knowtrace.standards.cells import (
    NO_ITEM,
    NO_STUDENT,
    BadCellError,
    parse_count,
    parse_integer,
    parse_time,
)

COLUMNS = ("Anon Student Id", "Problem Name", "Step Name")
FIRST_ATTEMPT = ("First Attempt", "Correct First Attempt")
TIMES = ("First Transaction Time", "Step Start Time")
OTHERS = ("Row", "Step Duration (sec)", "Hints", "Incorrects", "Corrects")
RESPONSES = {"correct": "1", "incorrect": "0", "hint": "0", "1": "1", "0": "0"}
EMPTY = (".", "NULL", "null")

NO_FIRST_ATTEMPT = "a first attempt is correct, incorrect or hint (or 1 or 0)"
NO_TIME = "a step has a First Transaction Time or a Step Start Time"


def is_datashop(header: list[str]) -> bool:
    return set(COLUMNS) <= set(header) and any(name in header for name in FIRST_ATTEMPT)


def read_datashop(path: Path, skill_column: str | None) -> Dataset:
    """Read a student-step roll-up with the skills of `skill_column`, the first such column when left out.

    Raises: DataError when the file cannot be read, has no such column, or holds no answer.
    """
    _, header = header_of(first_lines(path, 1)[0])
    models = [name for name in header if name.startswith(("KC (", "KC("))]
    if skill_column is not None and skill_column not in models:
        raise DataError(
            f"{path.name} has no skills column {skill_column!r}: it has {', '.join(models) or 'none'}; name one."
        )
    first_attempt = next(name for name in FIRST_ATTEMPT if name in header)
    gathering = Gathering(
        name=path.name, format="DataShop student-step", response_column=first_attempt, is_binary=True
    )
    gathering.notes.append(_note_on_skills(models, skill_column))
    chosen = skill_column or next(iter(models), "KC")

    def reject(line: int, column: str, value: str, rule: str) -> None:
        gathering.reject(path.name, line, column, value, rule)

    optional = (*TIMES, *OTHERS, chosen)
    for line, cells in column_rows(
        path, (*COLUMNS, first_attempt), reject, optional=optional, has_quotes=False
    ):
        student, *rest = ("" if cell in EMPTY else cell for cell in cells)
        if not student:
            reject(line, "Anon Student Id", "", NO_STUDENT)
            continue
        try:
            answer = _answer(line, rest, first_attempt, path.name, gathering)
        except BadCellError as bad:
            reject(line, bad.column, bad.value, bad.rule)
        else:
            gathering.answers.setdefault(student, []).append(answer)
    return gathering.settle(responses="ordered")


def _note_on_skills(models: list[str], chosen: str | None) -> str:
    if not models:
        return "The file names no skills: mastery can only be shown per item."
    taken = chosen or models[0]
    others = ", ".join(name for name in models if name != taken)
    choose = f" Also there: {others}; name one as the column of skill." if others else ""
    return f"Skills are of {taken}.{choose}"


def _answer(line: int, cells: list[str], first_attempt: str, file: str, gathering: Gathering) -> Answer:
    problem, step, first, transaction, start, row, duration, hints, incorrects, corrects, skills = cells
    if not problem:
        raise BadCellError("Problem Name", "", NO_ITEM)
    response = RESPONSES.get(first.lower())
    if response is None:
        raise BadCellError(first_attempt, first, NO_FIRST_ATTEMPT)
    order, answered_at = _when(line, transaction, start, row, gathering)
    is_backwards = bool(transaction and start) and answered_at < parse_time(start, TIMES[1])
    elapsed = gathering.elapsed_of(duration, "Step Duration (sec)")
    tries = [parse_count(incorrects, "Incorrects"), parse_count(corrects, "Corrects")]
    known = [count for count in tries if count is not None]
    gathering.num_backwards += is_backwards
    return Answer(
        order=order,
        item_id=f"{problem} / {step}" if step else problem,
        skill_ids=tuple(dict.fromkeys(s for skill in skills.split("~~") if (s := skill.strip()))),
        response=response,
        answered_at=answered_at,
        elapsed_seconds=None if is_backwards else elapsed,
        hints_used=parse_count(hints, "Hints"),
        attempt=sum(known) if known else None,
        session_id=None,
        container_id=None,
        file=file,
        line=line,
    )


def _when(line: int, transaction: str, start: str, row: str, gathering: Gathering) -> tuple[Order, datetime]:
    if not transaction and not start:
        raise BadCellError(TIMES[0], "", NO_TIME)
    text, column = (transaction, TIMES[0]) if transaction else (start, TIMES[1])
    answered_at, seconds = gathering.time_of(text, column)
    return (seconds, parse_integer(row, "Row") if row else line), answered_at
