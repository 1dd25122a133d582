"""Answers in the standards' words into ours."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import ValidationError

from knowtrace.errors import MalformedError
from knowtrace.service.events.schemas import EventIn
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.permissions import Permission, Reach, reach_of
from knowtrace.service.problems import MOST_ERRORS
from knowtrace.standards.cells import LONGEST_ANSWER_SECONDS
from knowtrace.standards.credit import category_of
from knowtrace.tracing.answers import Answer

DEEPEST = 250
"""Levels of JSON that can be written; orjson reads more than it writes, which is 254."""

Problem = tuple[Sequence[str | int], str]
"""(where it stands, the rule that is broken)."""


def own_name(student_id: str, accounts_home: str | None) -> str:
    """Return a student as we call them: by the account's name alone where its home is ours."""
    return student_id.removeprefix(f"{accounts_home.rstrip('/')}/") if accounts_home else student_id


def grade_of(*, success: bool | None, credit: float | None, num_categories: int) -> int | None:
    """Return the response category that a judgement names, None where it names none.

    With two categories success comes first, with more the credit: success alone does not say how much was right.
    """
    top = num_categories - 1
    if credit is not None and (success is None or top > 1):
        return category_of(credit, top)
    if success is None or (not success and top > 1):
        return None
    return top if success else 0


def answer_of(**said: Any) -> Answer | None:
    """Return an answer by the fields of `EventIn`, or None where it keeps not their bounds."""
    elapsed = said.get("elapsed_seconds")
    if elapsed is not None and not 0 <= elapsed <= LONGEST_ANSWER_SECONDS:
        # Clocks that disagree, or one that ran while nobody answered: the answer stands.
        said["elapsed_seconds"] = None
    try:
        return EventIn(**said).to_answer()
    except ValidationError:
        return None


def content_hash(content: Mapping[str, Any]) -> str:
    """Return a hash of a record's content, whatever the order of its parts.

    Raises:
        MalformedError: it is nested deeper than it could be written again.
    """
    try:
        written = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        raise MalformedError(
            f"A record is nested deeper than {DEEPEST} levels; nothing was stored. Send it flatter."
        ) from None
    return hashlib.sha256(written).hexdigest()


def time_of(text: str) -> datetime:
    """Return a time that has been checked to be ISO 8601; one without a zone is in UTC."""
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def refuse(what: str, problems: Sequence[Problem]) -> None:
    """Raise MalformedError for all problems of a body, if there are any."""
    if not problems:
        return
    count = "1 rule is broken" if len(problems) == 1 else f"{len(problems)} rules are broken"
    place, rule = ".".join(str(part) for part in problems[0][0]), problems[0][1]
    raise MalformedError(
        f"{count} by these {what}, the first at {place} ({rule}); nothing was stored. `errors` lists them.",
        [{"loc": list(loc), "msg": msg, "type": "standard"} for loc, msg in problems[:MOST_ERRORS]],
    )


def may_revise(caller: Caller) -> bool:
    """Return whether a caller may change any answer of the tenant."""
    return reach_of(caller, Permission.ANSWERS_REVISE) is Reach.TENANT
