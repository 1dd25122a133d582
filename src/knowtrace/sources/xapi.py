"""xAPI statements in a file: an array, JSON lines, or an LRS's answer with its `statements`.

- An answer is a statement of the verb `answered`, or one of `evaluated`, `scored`, `passed` and `failed` about an
  activity of type cmi.interaction or question. Other statements are counted in a note.
- A voided statement is removed wherever it stands in the file; a voiding statement cannot be voided.
- A statement's id occurs once: a repeat is quarantined.
- The response is `result.success`, or else the score: `scaled`, or `raw` between `min` and `max`. With partial
  credit asked for, the score comes first.
- The student is the actor's account, as "homePage/name", else its openid, else its mailbox as xAPI's
  `mbox_sha1sum`: no address is kept, and of a statement in quarantine only the broken part or its keys.
- Skills are context activities of type objective; the session is the `registration`.
- The time is `timestamp`, or `stored` where that is missing; `result.duration` is the elapsed time.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from knowtrace.sources.cells import BadCellError
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.durations import duration_seconds
from knowtrace.sources.gathering import NO_ITEM, NO_STUDENT, Answer, Gathering
from knowtrace.sources.json_values import json_values, list_at, number_at, part, shape_of, text_at
from knowtrace.sources.scale import Responses

ADL_VERBS = "http://adlnet.gov/expapi/verbs/"
ANSWERED = f"{ADL_VERBS}answered"
VOIDED = f"{ADL_VERBS}voided"
JUDGED = frozenset(
    {
        f"{ADL_VERBS}scored",
        f"{ADL_VERBS}passed",
        f"{ADL_VERBS}failed",
        "https://w3id.org/xapi/acrossx/verbs/evaluated",
    }
)
ACTIVITY_TYPES = "http://adlnet.gov/expapi/activities/"
QUESTIONS = frozenset({f"{ACTIVITY_TYPES}cmi.interaction", f"{ACTIVITY_TYPES}question"})
OBJECTIVE = f"{ACTIVITY_TYPES}objective"
CONTEXTS = ("parent", "grouping", "category", "other")

NO_STATEMENT = "a statement has an actor, a verb and an object"
REPEATED = "a statement's id occurs once"
NO_RESULT = "an answer has result.success or a score"
NO_CREDIT = "a score lies between none and all of what can be reached"
ONE_STUDENT = "an answer is one student's, not a group's"


def is_statement(value: object) -> bool:
    return all(part(value, key) is not None for key in ("actor", "verb", "object"))


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
        verb, statement_id = text_at(statement, "verb", "id"), text_at(statement, "id").lower()
        if not is_statement(statement):
            gathering.reject(path.name, line, "", shape_of(statement), NO_STATEMENT)
        elif verb == VOIDED:
            voided.add(text_at(statement, "object", "id").lower())
            num_other += 1
        elif not _is_answer(statement, verb):
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
                skill_names.update(_skills(statement))
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


def _is_answer(statement: object, verb: str) -> bool:
    if text_at(statement, "object", "objectType") not in ("", "Activity"):
        return False
    return verb == ANSWERED or (
        verb in JUDGED and text_at(statement, "object", "definition", "type") in QUESTIONS
    )


def _answer(
    statement: object, file: str, line: int, place: int, responses: Responses | None, gathering: Gathering
) -> tuple[str, Answer]:
    """Return the student and the answer. Raises: BadCellError when something breaks a rule."""
    student, item_id = _student(part(statement, "actor")), text_at(statement, "object", "id")
    if not item_id:
        raise BadCellError("object.id", "", NO_ITEM)
    column = "timestamp" if text_at(statement, "timestamp") else "stored"
    answered_at, seconds = gathering.time_of(text_at(statement, column), column)
    duration = text_at(statement, "result", "duration")
    elapsed = str(duration_seconds(duration, "result.duration")) if duration else ""
    return student, Answer(
        order=(seconds, place),
        item_id=item_id,
        skill_ids=tuple(_skills(statement)),
        response=_response(part(statement, "result"), responses),
        answered_at=answered_at,
        elapsed_seconds=gathering.elapsed_of(elapsed, "result.duration"),
        hints_used=None,
        attempt=None,
        session_id=text_at(statement, "context", "registration") or None,
        container_id=None,
        file=file,
        line=line,
    )


def _student(actor: object) -> str:
    if text_at(actor, "objectType") == "Group":
        raise BadCellError("actor.objectType", "Group", ONE_STUDENT)
    if name := text_at(actor, "account", "name"):
        return f"{text_at(actor, 'account', 'homePage').rstrip('/')}/{name}"
    if open_id := text_at(actor, "openid"):
        return open_id
    if mailbox := text_at(actor, "mbox"):
        return hashlib.sha1(mailbox.encode(), usedforsecurity=False).hexdigest()
    if digest := text_at(actor, "mbox_sha1sum"):
        return digest.lower()
    raise BadCellError("actor", "", NO_STUDENT)


def _response(result: object, responses: Responses | None) -> str:
    """Return a response as text: 0, 1, or a credit between them."""
    success, credit = part(result, "success"), _credit(result)
    is_judged = isinstance(success, bool)
    if is_judged and not (responses == "partial-credit" and credit is not None):
        return str(int(bool(success)))
    if credit is None:
        raise BadCellError("result", shape_of(result), NO_RESULT)
    return f"{credit:g}"


def _credit(result: object) -> float | None:
    scaled, column = number_at(result, "score", "scaled"), "result.score.scaled"
    if scaled is None:
        raw, highest = number_at(result, "score", "raw"), number_at(result, "score", "max")
        lowest = number_at(result, "score", "min") or 0.0
        if raw is None or highest is None or highest <= lowest:
            return None
        scaled, column = (raw - lowest) / (highest - lowest), "result.score.raw"
    if not 0 <= scaled <= 1:
        raise BadCellError(column, f"{scaled:g}", NO_CREDIT)
    return scaled


def _skills(statement: object) -> dict[str, str]:
    """Return the skills by id, with their names or ""."""
    skills: dict[str, str] = {}
    for kind in CONTEXTS:
        for activity in list_at(statement, "context", "contextActivities", kind):
            if text_at(activity, "definition", "type") == OBJECTIVE and (skill := text_at(activity, "id")):
                names = part(activity, "definition", "name")
                languages = list(names) if isinstance(names, dict) else []
                skills[skill] = text_at(names, str(languages[0])) if languages else ""
    return skills
