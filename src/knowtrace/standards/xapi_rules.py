"""The rules that a statement of xAPI 1.0.3 keeps, or is refused by (xAPI 1.0.3, part two: data).

Every part that this does not know is refused, as the standard asks; within extensions everything is free.
Attachments' hashes and contents are not looked at: statements come as JSON, without parts.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import cast
from uuid import UUID

from knowtrace.standards.cells import BadCellError
from knowtrace.standards.durations import duration_seconds
from knowtrace.standards.json_parts import shape_of
from knowtrace.standards.xapi import CONTEXTS, VOIDED

Problem = tuple[str, str]
"""(where it stands, the rule it breaks)."""

Checks = dict[str, Callable[[object, str], Iterator[Problem]]]
"""What each part of an object must be, by its name."""

IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
MAILBOX = re.compile(r"mailto:[^\s@]+@[^\s@]+")
SHA1 = re.compile(r"[0-9a-fA-F]{40}")
LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
VERSION = re.compile(r"1\.0(\.\d+)?")
YEARS_OR_MONTHS = re.compile(r"P(\d+(\.\d+)?Y)?(\d+(\.\d+)?M)?(\d+(\.\d+)?D)?(T.+)?")
INTERACTIONS = frozenset(
    {
        *("true-false", "choice", "fill-in", "long-fill-in", "matching", "performance"),
        *("sequencing", "likert", "numeric", "other"),
    }
)
IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")


def problems_of(statement: object) -> list[Problem]:
    """Return every rule that a statement breaks; none where the standard accepts it."""
    found = [*_nulls(statement), *_object(statement, "", STATEMENT, needed=("actor", "verb", "object"))]
    if isinstance(statement, dict) and not found:
        content = cast(dict[str, dict[str, object]], statement)
        if content["verb"]["id"] == VOIDED and content["object"].get("objectType") != "StatementRef":
            found.append(("object.objectType", "a statement that voids names another one: StatementRef"))
        if content["object"].get("objectType", "Activity") != "Activity":
            context = content.get("context", {})
            found += [
                (f"context.{name}", "belongs to statements about activities only")
                for name in ("revision", "platform")
                if name in context
            ]
    return found


def _nulls(value: object) -> Iterator[Problem]:
    waiting: list[tuple[object, str]] = [(value, "")]
    while waiting:
        part, path = waiting.pop()
        if isinstance(part, dict):
            for name, held in cast(dict[str, object], part).items():
                if held is None:
                    yield _at(path, name), "nothing is null but in extensions"
                elif name != "extensions":
                    waiting.append((held, _at(path, name)))
        elif isinstance(part, list):
            waiting += [(held, f"{path}[{number}]") for number, held in enumerate(cast(list[object], part))]


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _object(value: object, path: str, checks: Checks, *, needed: tuple[str, ...] = ()) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield path, f"is an object, not {shape_of(value)}"
        return
    content = cast(dict[str, object], value)
    for name in needed:
        if name not in content:
            yield _at(path, name), "is missing"
    for name, held in content.items():
        if name not in checks:
            yield _at(path, name), "is no part that the standard knows here"
        elif held is not None:
            yield from checks[name](held, _at(path, name))


def _text(value: object, path: str) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield path, f"is a text, not {shape_of(value)}"


def _matching(pattern: re.Pattern[str], rule: str) -> Callable[[object, str], Iterator[Problem]]:
    def check(value: object, path: str) -> Iterator[Problem]:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            yield path, rule

    return check


def _flag(value: object, path: str) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield path, f"is true or false, not {shape_of(value)}"


def _number(value: object, path: str) -> Iterator[Problem]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield path, f"is a number, not {shape_of(value)}"


def _list_of(check: Callable[[object, str], Iterator[Problem]]) -> Callable[[object, str], Iterator[Problem]]:
    def check_all(value: object, path: str) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield path, f"is a list, not {shape_of(value)}"
            return
        for number, held in enumerate(cast(list[object], value)):
            yield from check(held, f"{path}[{number}]")

    return check_all


def _uuid(value: object, path: str) -> Iterator[Problem]:
    try:
        is_uuid = isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        is_uuid = False
    if not is_uuid:
        yield path, "is a UUID like 12345678-1234-4234-8234-123456789012"


def _time(value: object, path: str) -> Iterator[Problem]:
    try:
        is_time = isinstance(value, str) and "T" in value.upper() and bool(datetime.fromisoformat(value))
    except ValueError:
        is_time = False
    if not is_time or str(value).endswith(("-00:00", "-0000", "-00")):
        yield path, "is an ISO 8601 time like 2026-03-01T09:30:00Z"


def _duration(value: object, path: str) -> Iterator[Problem]:
    try:
        duration_seconds(str(value), path)
    except BadCellError as bad:
        # Years and months are sound, only no length that could be told in seconds.
        if not isinstance(value, str) or value == "P" or not YEARS_OR_MONTHS.fullmatch(value):
            yield path, bad.rule


def _languages(value: object, path: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield path, f"is a text by language, not {shape_of(value)}"
        return
    for language, text in cast(dict[str, object], value).items():
        if not LANGUAGE.fullmatch(language):
            yield _at(path, language), "is a language by RFC 5646, like en-GB"
        elif text is not None:
            yield from _text(text, _at(path, language))


def _extensions(value: object, path: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield path, f"is an object, not {shape_of(value)}"
        return
    for name in cast(dict[str, object], value):
        yield from _iri(name, _at(path, name))


def _score(value: object, path: str) -> Iterator[Problem]:
    checks: Checks = dict.fromkeys(("scaled", "raw", "min", "max"), _number)
    found = list(_object(value, path, checks))
    yield from found
    if found:
        return
    score = cast(dict[str, float], value)
    if not -1 <= score.get("scaled", 0) <= 1:
        yield _at(path, "scaled"), "lies from -1 to 1"
    if "min" in score and "max" in score and score["min"] >= score["max"]:
        yield _at(path, "max"), "is greater than min"
    if "raw" in score and not score.get("min", score["raw"]) <= score["raw"] <= score.get(
        "max", score["raw"]
    ):
        yield _at(path, "raw"), "lies from min to max"


def _agent(value: object, path: str) -> Iterator[Problem]:
    yield from _object(value, path, AGENT)
    if isinstance(value, dict):
        content = cast(dict[str, object], value)
        if content.get("objectType", "Agent") != "Agent":
            yield _at(path, "objectType"), "is Agent here"
        if sum(name in content for name in IDENTIFIERS) != 1:
            yield path, f"has exactly one of {', '.join(IDENTIFIERS)}"


def _actor(value: object, path: str) -> Iterator[Problem]:
    if not isinstance(value, dict) or cast(dict[str, object], value).get("objectType") != "Group":
        yield from _agent(value, path)
        return
    content = cast(dict[str, object], value)
    yield from _object(content, path, GROUP)
    num_identifiers = sum(name in content for name in IDENTIFIERS)
    if num_identifiers > 1:
        yield path, f"has at most one of {', '.join(IDENTIFIERS)}"
    if not num_identifiers and not content.get("member"):
        yield _at(path, "member"), "is needed by a group without an identifier"


def _account(value: object, path: str) -> Iterator[Problem]:
    yield from _object(value, path, {"homePage": _iri, "name": _text}, needed=("homePage", "name"))


def _verb(value: object, path: str) -> Iterator[Problem]:
    yield from _object(value, path, {"id": _iri, "display": _languages}, needed=("id",))


def _activity(value: object, path: str) -> Iterator[Problem]:
    checks: Checks = {"objectType": _matching(re.compile("Activity"), "is Activity here"), "id": _iri}
    yield from _object(value, path, {**checks, "definition": _definition}, needed=("id",))


def _definition(value: object, path: str) -> Iterator[Problem]:
    yield from _object(value, path, DEFINITION)


def _component(value: object, path: str) -> Iterator[Problem]:
    yield from _object(value, path, {"id": _text, "description": _languages}, needed=("id",))


def _reference(value: object, path: str) -> Iterator[Problem]:
    checks: Checks = {
        "objectType": _matching(re.compile("StatementRef"), "is StatementRef here"),
        "id": _uuid,
    }
    yield from _object(value, path, checks, needed=("objectType", "id"))


def _about(value: object, path: str) -> Iterator[Problem]:
    """Check what a statement is about, by its type."""
    kind = cast(dict[str, object], value).get("objectType", "Activity") if isinstance(value, dict) else ""
    if kind in ("Agent", "Group"):
        yield from _actor(value, path)
    elif kind == "StatementRef":
        yield from _reference(value, path)
    elif kind == "SubStatement":
        yield from _object(value, path, SUB_STATEMENT, needed=("actor", "verb", "object"))
        inner = cast(dict[str, object], value).get("object")
        if isinstance(inner, dict) and cast(dict[str, object], inner).get("objectType") == "SubStatement":
            yield _at(path, "object"), "of a SubStatement is no SubStatement"
    else:
        yield from _activity(value, path)


def _part_of_statement(value: object, path: str) -> Iterator[Problem]:
    kind = cast(dict[str, object], value).get("objectType") if isinstance(value, dict) else ""
    if kind != "SubStatement":
        yield from _about(value, path)


def _result(value: object, path: str) -> Iterator[Problem]:
    checks: Checks = {
        "score": _score,
        "success": _flag,
        "completion": _flag,
        "response": _text,
        "duration": _duration,
        "extensions": _extensions,
    }
    yield from _object(value, path, checks)


def _context_activities(value: object, path: str) -> Iterator[Problem]:
    def one_or_many(held: object, where: str) -> Iterator[Problem]:
        yield from (_list_of(_activity) if isinstance(held, list) else _activity)(held, where)

    yield from _object(value, path, dict.fromkeys(CONTEXTS, one_or_many))


def _context(value: object, path: str) -> Iterator[Problem]:
    yield from _object(value, path, CONTEXT)


def _attachment(value: object, path: str) -> Iterator[Problem]:
    checks: Checks = {
        "usageType": _iri,
        "display": _languages,
        "description": _languages,
        "contentType": _text,
        "length": _number,
        "sha2": _text,
        "fileUrl": _iri,
    }
    needed = ("usageType", "display", "contentType", "length", "sha2", "fileUrl")
    yield from _object(value, path, checks, needed=needed)


_iri = _matching(IRI, "is an IRI with its scheme, like https://school.example/item/1")
_language = _matching(LANGUAGE, "is a language by RFC 5646, like en-GB")

AGENT: Checks = {
    "objectType": _text,
    "name": _text,
    "mbox": _matching(MAILBOX, "is a mailbox like mailto:anna@school.example"),
    "mbox_sha1sum": _matching(SHA1, "is 40 hexadecimal digits"),
    "openid": _iri,
    "account": _account,
}
GROUP: Checks = {**AGENT, "member": _list_of(_agent)}
DEFINITION: Checks = {
    "name": _languages,
    "description": _languages,
    "type": _iri,
    "moreInfo": _iri,
    "extensions": _extensions,
    "interactionType": _matching(re.compile("|".join(INTERACTIONS)), "is a type of cmi.interaction"),
    "correctResponsesPattern": _list_of(_text),
    **dict.fromkeys(("choices", "scale", "source", "target", "steps"), _list_of(_component)),
}
CONTEXT: Checks = {
    "registration": _uuid,
    "instructor": _actor,
    "team": _actor,
    "contextActivities": _context_activities,
    "revision": _text,
    "platform": _text,
    "language": _language,
    "statement": _reference,
    "extensions": _extensions,
}
SUB_STATEMENT: Checks = {
    "objectType": _text,
    "actor": _actor,
    "verb": _verb,
    "object": _part_of_statement,
    "result": _result,
    "context": _context,
    "timestamp": _time,
    "attachments": _list_of(_attachment),
}
STATEMENT: Checks = {
    "id": _uuid,
    "actor": _actor,
    "verb": _verb,
    "object": _about,
    "result": _result,
    "context": _context,
    "timestamp": _time,
    "stored": _time,
    "authority": _actor,
    "version": _matching(VERSION, "is a version of 1.0, like 1.0.3"),
    "attachments": _list_of(_attachment),
}
