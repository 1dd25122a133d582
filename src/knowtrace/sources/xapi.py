"""xAPI statements in a file: an array, JSON lines, or an LRS's answer with its `statements`.

`knowtrace.standards.xapi` says what an answer is. In a file besides:

- Other statements are counted in a note.
- A voided statement is removed wherever it stands in the file; a voiding statement cannot be voided.
- A statement's id occurs once: a repeat is quarantined.
- With partial credit asked for, the score comes before `result.success`.
- Of a statement in quarantine only the broken part or its keys are kept.
"""

from collections.abc import Iterator
from pathlib import Path

from knowtrace.sources.dataset import Dataset
from knowtrace.sources.gathering import Answer, Gathering
from knowtrace.sources.json_values import json_values
from knowtrace.sources.scale import Responses
from knowtrace.standards.cells import BadCellError
from knowtrace.standards.json_parts import list_at, part, shape_of
from knowtrace.standards.xapi import (
    AnswerStatement,
    id_of,
    is_answer,
    is_statement,
    read_answer,
    skills_of,
    voided_by,
)

NO_STATEMENT = "a statement has an actor, a verb and an object"
REPEATED = "a statement's id occurs once"


def is_xapi(value: object) -> bool:
    """Return whether a value is a statement, or an LRS's answer with statements."""
    return is_statement(value) or isinstance(part(value, "statements"), list)


def read_xapi(path: Path, *, responses: Responses | None = None, categories: int | None = None) -> Dataset:
    """Read a file of statements. Raises: DataError when it cannot be read or holds no answer."""
    gathering = Gathering(name=path.name, format="xAPI statements", response_column="result")
    skill_names: dict[str, str] = {}
    answers: dict[str, tuple[str, Answer]] = {}
    voided: set[str] = set()
    num_other = 0
    for place, (line, statement) in enumerate(_statements(path, gathering)):
        statement_id = id_of(statement)
        if not is_statement(statement):
            gathering.reject(path.name, line, "", shape_of(statement), NO_STATEMENT)
        elif (target := voided_by(statement)) is not None:
            voided.add(target)
            num_other += 1
        elif not is_answer(statement):
            num_other += 1
        elif statement_id in answers:
            gathering.reject(path.name, line, "id", statement_id, REPEATED)
        else:
            try:
                found = _answer(statement, path.name, line, place, responses, gathering)
            except BadCellError as bad:
                gathering.reject(path.name, line, bad.column, bad.value, bad.rule)
            else:
                answers[statement_id or f"no id, {place}"] = found
                skill_names.update(skills_of(statement))
    for statement_id, (student, answer) in answers.items():
        if statement_id not in voided:
            gathering.answers.setdefault(student, []).append(answer)
    num_voided = len(answers.keys() & voided)
    if num_other:
        gathering.notes.append(f"{num_other:,} statements are no answers.")
    if num_voided:
        gathering.notes.append(f"{num_voided:,} answers were voided by later statements: removed.")
    names = {skill: name for skill, name in skill_names.items() if name}
    return gathering.settle(responses=responses, categories=categories, skill_names=names)


def _statements(path: Path, gathering: Gathering) -> Iterator[tuple[int, object]]:
    def reject(line: int, column: str, value: str, rule: str) -> None:
        gathering.reject(path.name, line, column, value, rule)

    for line, value in json_values(path, reject):
        if is_statement(value) or not is_xapi(value):
            yield line, value
        else:
            yield from ((line, statement) for statement in list_at(value, "statements"))


def _answer(
    statement: object, file: str, line: int, place: int, responses: Responses | None, gathering: Gathering
) -> tuple[str, Answer]:
    """Return the student and the answer. Raises: BadCellError when something breaks a rule."""
    said = read_answer(statement)
    answered_at, seconds = gathering.time_of(said.when, said.when_column or "stored")
    elapsed = "" if said.elapsed_seconds is None else str(said.elapsed_seconds)
    return said.student_id, Answer(
        order=(seconds, place),
        item_id=said.item_id,
        skill_ids=tuple(said.skills),
        response=_response(said, responses),
        answered_at=answered_at,
        elapsed_seconds=gathering.elapsed_of(elapsed, "result.duration"),
        hints_used=None,
        attempt=None,
        session_id=said.session_id,
        container_id=None,
        file=file,
        line=line,
    )


def _response(said: AnswerStatement, responses: Responses | None) -> str:
    """Return a response as text: 0, 1, or a credit between them."""
    if said.success is not None and not (responses == "partial-credit" and said.credit is not None):
        return str(int(said.success))
    assert said.credit is not None, "an answer has success, a credit or both"
    return f"{said.credit:g}"
