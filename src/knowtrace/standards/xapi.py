"""Which xAPI statements are answers, and what they say.

- An answer is a statement of the verb `answered`, or one of `evaluated`, `scored`, `passed` and `failed` about an
  activity of type cmi.interaction or question.
- The response is `result.success`, or else the score: `scaled`, or `raw` between `min` and `max`.
- The student is the actor's account, as "homePage/name", else its openid, else its mailbox as xAPI's
  `mbox_sha1sum`: no address is kept.
- Skills are context activities of type objective; the session is the `registration`.
- The time is `timestamp`, or `stored` where that is missing; `result.duration` is the elapsed time.
"""

import hashlib
from dataclasses import dataclass

from knowtrace.standards.cells import NO_ITEM, NO_STUDENT, BadCellError
from knowtrace.standards.durations import duration_seconds
from knowtrace.standards.json_parts import list_at, number_at, part, shape_of, text_at

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

NO_RESULT = "an answer has result.success or a score"
NO_CREDIT = "a score lies between none and all of what can be reached"
ONE_STUDENT = "an answer is one student's, not a group's"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerStatement:
    """What one answer says. `success` or `credit`, a share in [0, 1], is known, or both are.

    `skills` has the skills by id, with their names or ""; `when` is the text of the time and `when_column` where it
    stands, both "" where the statement has no time.
    """

    student_id: str
    item_id: str
    skills: dict[str, str]
    success: bool | None
    credit: float | None
    when: str
    when_column: str
    elapsed_seconds: float | None
    session_id: str | None


def is_statement(value: object) -> bool:
    return all(part(value, key) is not None for key in ("actor", "verb", "object"))


def id_of(statement: object) -> str:
    """Return a statement's id, in small letters as UUIDs are compared; "" where it has none."""
    return text_at(statement, "id").lower()


def voided_by(statement: object) -> str | None:
    """Return the id of the statement that this one voids, or None where it voids nothing."""
    if text_at(statement, "verb", "id") != VOIDED:
        return None
    return text_at(statement, "object", "id").lower()


def is_answer(statement: object) -> bool:
    if text_at(statement, "object", "objectType") not in ("", "Activity"):
        return False
    verb = text_at(statement, "verb", "id")
    return verb == ANSWERED or (
        verb in JUDGED and text_at(statement, "object", "definition", "type") in QUESTIONS
    )


def read_answer(statement: object) -> AnswerStatement:
    """Return what an answer says. Raises: BadCellError when something breaks a rule."""
    student_id, item_id = student_of(part(statement, "actor")), text_at(statement, "object", "id")
    if not item_id:
        raise BadCellError("object.id", "", NO_ITEM)
    when_column = next((name for name in ("timestamp", "stored") if text_at(statement, name)), "")
    duration = text_at(statement, "result", "duration")
    elapsed_seconds = duration_seconds(duration, "result.duration") if duration else None
    result = part(statement, "result")
    success, credit = part(result, "success"), _credit(result)
    if not isinstance(success, bool) and credit is None:
        raise BadCellError("result", shape_of(result), NO_RESULT)
    return AnswerStatement(
        student_id=student_id,
        item_id=item_id,
        skills=skills_of(statement),
        success=success if isinstance(success, bool) else None,
        credit=credit,
        when=text_at(statement, when_column) if when_column else "",
        when_column=when_column,
        elapsed_seconds=elapsed_seconds,
        session_id=text_at(statement, "context", "registration") or None,
    )


def student_of(actor: object) -> str:
    """Return the student that an actor is. Raises: BadCellError when it is a group, or nobody."""
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


def skills_of(statement: object) -> dict[str, str]:
    """Return the skills by id, with their names or ""."""
    skills: dict[str, str] = {}
    for kind in CONTEXTS:
        for activity in list_at(statement, "context", "contextActivities", kind):
            if text_at(activity, "definition", "type") == OBJECTIVE and (skill := text_at(activity, "id")):
                names = part(activity, "definition", "name")
                languages = list(names) if isinstance(names, dict) else []
                skills[skill] = text_at(names, str(languages[0])) if languages else ""
    return skills


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
