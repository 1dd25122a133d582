"""Statements into the log of answers; each counts once, by its id."""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from knowtrace.errors import ConflictError, DeniedError, MalformedError, NotFoundError, TooLargeError
from knowtrace.service.classroom import Classroom
from knowtrace.service.events.service import deed_of
from knowtrace.service.identity.caller import Caller
from knowtrace.service.record import RequestRecord
from knowtrace.service.translating import (
    Problem,
    answer_of,
    content_hash,
    grade_of,
    may_revise,
    own_name,
    refuse,
    time_of,
)
from knowtrace.service.xapi.schemas import MOST_STATEMENTS
from knowtrace.settings import Settings
from knowtrace.standards.cells import BadCellError
from knowtrace.standards.json_parts import part
from knowtrace.standards.xapi import id_of, is_answer, read_answer, student_of, voided_by
from knowtrace.standards.xapi_rules import problems_of
from knowtrace.store import LearningRecord, Session
from knowtrace.tracing.answers import Answer, Outcome, RejectedError, to_event

OURS_TO_SAY = ("id", "stored", "authority", "version", "attachments")
"""Parts by which two sendings of one statement may differ."""

ONCE = "the ids of statements sent together differ"
NO_VOIDING_OF_VOIDING = "a statement that voids cannot be voided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One statement: an answer, one that voids another, or one that is neither for us."""

    statement_id: str
    hash: str
    student_id: str | None
    voided: str | None
    answer: Answer | None
    has_time: bool

    @property
    def kind(self) -> str:
        return "voiding" if self.voided is not None else "other" if self.answer is None else "answer"


def students_named(content: Any, settings: Settings) -> Iterator[object]:
    """Yield whose doing each statement tells of; None for one that voids, which is nobody's own to do."""
    for statement in content if isinstance(content, list) else [content]:
        try:
            student_id = student_of(part(statement, "actor"))
        except BadCellError:
            yield None
        else:
            yield None if voided_by(statement) is not None else own_name(student_id, settings.accounts_home)


def with_id(statement: dict[str, Any], statement_id: str) -> dict[str, Any]:
    """Return a statement with the id it is put under. Raises: MalformedError when it names another one."""
    own = statement.get("id", statement_id)
    if not isinstance(own, str) or own.lower() != statement_id.lower():
        raise MalformedError(f"The statement's id ({own}) is not the statementId ({statement_id}).")
    return {**statement, "id": statement_id}


async def store_statements(
    classroom: Classroom, caller: Caller, statements: Sequence[dict[str, Any]], record: RequestRecord
) -> list[str]:
    """Store statements, all or none, and return their ids.

    Their ids are taken first, in one transaction; a sender that was not answered sends again, and what is missing is
    then made good.

    Raises:
        TooLargeError: more than 1,000.
        MalformedError: the standard refuses one of them.
        DeniedError: one voids another, and the caller may not withdraw answers.
        ConflictError: an id is stored with another content.
        RejectedError: an answer breaks a rule of ours.
        UnavailableError: they could not be stored now.
    """
    if len(statements) > MOST_STATEMENTS:
        raise TooLargeError(
            f"{len(statements)} statements in one call, at most {MOST_STATEMENTS} may be: send them in several."
        )
    sent = _read(classroom, statements)
    if any(one.voided is not None for one in sent) and not may_revise(caller):
        raise DeniedError("This credential may not void statements: it needs answers:revise.")
    num_answers = sum(one.answer is not None for one in sent)
    await classroom.identity.limiter.count_events(caller.tenant_id, num_answers)
    async with classroom.store.writing(caller.tenant_id) as session:
        answers, num_repeated = await _take_ids(classroom, session, sent)
    results = await classroom.intake.submit(caller.tenant_id, answers) if answers else []
    for target in await _voided(classroom, caller, sent):
        deed = deed_of(caller, "answers.withdraw", target, record.request_id)
        # The standard takes a statement that voids what is not there, or is no answer.
        with suppress(NotFoundError):
            await classroom.intake.withdraw(caller.tenant_id, target, deed=deed)
    # Only now: an answer beside a refused one is in the log, and who voided it was told that it is withdrawn.
    for result in results:
        if result.outcome is Outcome.CONFLICT:
            raise ConflictError(result.reason)
        if result.outcome is Outcome.REJECTED:
            raise RejectedError([result.reason or ""])
    kinds = Counter(one.kind for one in sent)
    classroom.metrics.observe_records("xapi", kinds)
    counts = {name: kinds[name] for name in ("answer", "voiding", "other")} | {"repeated": num_repeated}
    record.headers["X-KnowTrace-Statements"] = ", ".join(f"{name}={n}" for name, n in counts.items())
    return [one.statement_id for one in sent]


def _read(classroom: Classroom, statements: Sequence[dict[str, Any]]) -> list[Sent]:
    found: list[Problem] = [
        ([number, *path.split(".")] if path else [number], rule)
        for number, statement in enumerate(statements)
        for path, rule in problems_of(statement)
    ]
    refuse("statements", found)
    now = datetime.now(UTC)
    sent = [_sent(classroom, statement, now) for statement in statements]
    counts = Counter(one.statement_id for one in sent)
    voiding = {one.statement_id for one in sent if one.voided is not None}
    places = list(enumerate(sent))
    repeated = [([n, "id"], ONCE) for n, one in places if counts[one.statement_id] > 1]
    circular = [([n, "object", "id"], NO_VOIDING_OF_VOIDING) for n, one in places if one.voided in voiding]
    refuse("statements", [*repeated, *circular])
    return sent


def _sent(classroom: Classroom, statement: dict[str, Any], now: datetime) -> Sent:
    statement_id = id_of(statement) or str(uuid.uuid4())
    # `stored` is for the one to say who stores.
    content = {name: value for name, value in statement.items() if name not in OURS_TO_SAY}
    answer = _answer(classroom, content, statement_id, now) if is_answer(content) else None
    return Sent(
        statement_id=statement_id,
        hash=content_hash(content),
        student_id=answer.student_id if answer else None,
        voided=voided_by(content),
        answer=answer,
        has_time="timestamp" in content,
    )


def _answer(classroom: Classroom, content: dict[str, Any], statement_id: str, now: datetime) -> Answer | None:
    """Return the answer that a statement is, None where it tells too little, or more than we can keep."""
    try:
        said = read_answer(content)
        answered_at = time_of(said.when) if said.when else now
    except (BadCellError, OverflowError):
        return None
    num_categories = classroom.tracer.vocabulary.num_categories
    response = grade_of(success=said.success, credit=said.credit, num_categories=num_categories)
    if response is None:
        return None
    return answer_of(
        event_id=statement_id,
        student_id=own_name(said.student_id, classroom.settings.accounts_home),
        item_id=said.item_id,
        response=response,
        answered_at=answered_at,
        skill_ids=list(said.skills),
        elapsed_seconds=said.elapsed_seconds,
        session_id=said.session_id,
    )


async def _take_ids(classroom: Classroom, session: Session, sent: Sequence[Sent]) -> tuple[list[Answer], int]:
    """Keep the ids of the statements that are new; on any error none is kept.

    Returns the answers that should be in the log, and how many statements had been sent before.
    """
    now = datetime.now(UTC)
    ids = [one.statement_id for one in sent]
    targets = {one.voided for one in sent if one.voided is not None}
    known = await session.records.known("xapi", {*ids, *targets})
    refuse(
        "statements",
        [
            ([number, "object", "id"], NO_VOIDING_OF_VOIDING)
            for number, one in enumerate(sent)
            if one.voided in known and known[one.voided].kind == "voiding"
        ],
    )
    answers: list[Answer] = []
    for one in sent:
        if one.statement_id in known and known[one.statement_id].hash != one.hash:
            raise _taken(one.statement_id)
        if one.answer is not None:
            stored_at = known[one.statement_id].stored_at if one.statement_id in known else now
            answers.append(one.answer if one.has_time else replace(one.answer, answered_at=stored_at))
    await _check_log(classroom, session, answers, [i for i in ids if i not in known], now)
    await session.records.append(
        "xapi",
        [
            LearningRecord(
                record_id=one.statement_id,
                hash=one.hash,
                kind=one.kind,
                student_id=one.student_id,
                about_id=one.voided,
                body=None,
                stored_at=now,
            )
            for one in sent
            if one.statement_id not in known
        ],
    )
    return answers, sum(one.statement_id in known for one in sent)


async def _voided(classroom: Classroom, caller: Caller, sent: Sequence[Sent]) -> list[str]:
    """Return what these statements void, and which of their answers are voided by whatever was kept until now.

    To be asked when the answers are in the log: a voiding that another process takes either finds the answer there,
    or was kept before and is found here.
    """
    targets = {one.voided for one in sent if one.voided is not None}
    answers = [one.statement_id for one in sent if one.answer is not None]
    if answers:
        async with classroom.store.reading(caller.tenant_id) as session:
            earlier = await session.records.about("xapi", answers)
        targets |= {found.about_id for found in earlier if found.about_id is not None}
    return sorted(targets)


async def _check_log(
    classroom: Classroom, session: Session, answers: Sequence[Answer], new_ids: Sequence[str], now: datetime
) -> None:
    """Raise what the log would say to these answers, and to new ids that it has already."""
    num_categories = classroom.tracer.vocabulary.num_categories
    fingerprints: dict[str, str] = {}
    reasons: list[str] = []
    for answer in answers:
        try:
            event = to_event(answer, tenant_id=session.tenant_id, num_categories=num_categories, now=now)
        except RejectedError as error:
            reasons += [f"Statement {answer.event_id}: {reason}" for reason in error.reasons]
        else:
            fingerprints[answer.event_id] = event.fingerprint
    if reasons:
        raise RejectedError(reasons)
    for event_id, event in (await session.events.known(new_ids) if new_ids else {}).items():
        if fingerprints.get(event_id) != event.fingerprint:
            raise _taken(event_id)


def _taken(statement_id: str) -> ConflictError:
    return ConflictError(
        f"The id {statement_id} is already stored with another content: nothing of this call was stored. Send the "
        "statement under an id of its own."
    )
