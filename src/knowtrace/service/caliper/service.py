"""Events into the log of answers: each counts once, and halves of one answer wait for each other."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from knowtrace.errors import ConflictError, DeniedError, TooLargeError, UnavailableError
from knowtrace.service.caliper.schemas import MOST_EVENTS, Envelope, EnvelopeOut
from knowtrace.service.classroom import Classroom
from knowtrace.service.events.service import deed_of
from knowtrace.service.identity.caller import Caller
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
from knowtrace.settings import Settings
from knowtrace.standards.caliper import (
    NO_EVENT,
    Half,
    attempt_of,
    half_of,
    id_of,
    is_event,
    is_of_an_item,
    read_attempt,
    student_of,
    trimmed,
)
from knowtrace.standards.cells import BadCellError
from knowtrace.standards.json_parts import part, text_at
from knowtrace.store import LearningRecord, Session
from knowtrace.tracing.answers import Answer, Event, Outcome, RejectedError, to_event

LONGEST_ID = 200
MOST_ROUNDS = 10
"""Times that the answers are brought in line with the halves, where others bring more halves meanwhile."""

NO_ID = "an event has an id, of at most 200 printable characters"
NO_ENTITY = "an entity that is described has an id"
NO_TIME = "an event has an eventTime, ISO 8601 with its offset"
NO_STUDENT = "a student's id has at most 200 printable characters"
ONCE = "the ids of events sent together differ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One event. `half` and `attempt_id` are there for those that are about an answer."""

    event_id: str
    hash: str
    half: Half | None
    attempt_id: str | None
    student_id: str | None
    body: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Plan:
    """How the log of answers has to change to say what the halves say."""

    new: list[Answer]
    changed: list[Answer]
    num_waiting: int


def students_named(content: Any, settings: Settings) -> Iterator[object]:
    """Yield whose doing each event tells of; None where it does not say."""
    events = part(content, "data")
    for event in events if isinstance(events, list) else []:
        found = student_of(event)
        yield own_name(found, settings.accounts_home) if found else None


async def take_envelope(
    classroom: Classroom, caller: Caller, envelope: Envelope, *, request_id: str
) -> EnvelopeOut:
    """Store an envelope's events, all or none, and bring the answers they are about in line.

    Raises:
        TooLargeError: more than 1,000 events.
        MalformedError: one of them is no event of Caliper.
        ConflictError: an id is stored with another content, or an attempt is another student's.
        DeniedError: an answer would be corrected, and the caller may not do this.
        RejectedError: an answer breaks a rule of ours.
        UnavailableError: they could not be stored now.
    """
    if len(envelope.data) > MOST_EVENTS:
        raise TooLargeError(
            f"{len(envelope.data)} events in one envelope, at most {MOST_EVENTS} may be: send several."
        )
    sent = _read(envelope, classroom.settings)
    attempts = sorted({one.attempt_id for one in sent if one.attempt_id is not None})
    await classroom.identity.limiter.count_events(caller.tenant_id, sum(one.half == "graded" for one in sent))
    async with classroom.store.writing(caller.tenant_id) as session:
        num_repeated = await _take_ids(session, sent)
        plan = await _plan(classroom, session, attempts)
        # Asked here already: what may not be done must not be kept to be done by the next one.
        if plan.changed and not may_revise(caller):
            raise DeniedError("This credential may not correct answers: it needs answers:revise.")
    done = await _bring_in_line(classroom, caller, attempts, request_id)
    kinds = Counter(one.half or "other" for one in sent)
    num_other = len(envelope.data) - len(sent) + kinds["other"]
    classroom.metrics.observe_records("caliper", {**kinds, "other": num_other})
    return EnvelopeOut(
        num_events=len(envelope.data),
        num_repeated=num_repeated,
        num_other=num_other,
        num_answers_accepted=done["accepted"],
        num_answers_corrected=done["corrected"],
        num_attempts_waiting=plan.num_waiting,
    )


def _read(envelope: Envelope, settings: Settings) -> list[Sent]:
    """Return the events; descriptions of entities are left out: they tell of no doing, and may change."""
    problems: list[Problem] = []
    sent: list[Sent] = []
    for number, event in enumerate(envelope.data):
        if "action" not in event and not text_at(event, "type").endswith("Event"):
            if not text_at(event, "type"):
                problems.append((["data", number], NO_EVENT))
            elif not text_at(event, "id"):
                problems.append((["data", number, "id"], NO_ENTITY))
            continue
        found = _problems(event, settings)
        problems += [(["data", number, *path], rule) for path, rule in found]
        if not found:
            sent.append(_sent(event, settings))
    counts = Counter(one.event_id for one in sent)
    problems += [(["data", event_id], ONCE) for event_id, count in counts.items() if count > 1]
    refuse("events", problems)
    return sent


def _problems(event: dict[str, Any], settings: Settings) -> list[Problem]:
    if not is_event(event):
        return [([], NO_EVENT)]
    found: list[Problem] = []
    if not _is_id(id_of(event)):
        found.append((["id"], NO_ID))
    if not _is_time(text_at(event, "eventTime")):
        found.append((["eventTime"], NO_TIME))
    if half_of(event) is not None:
        student = own_name(student_of(event), settings.accounts_home)
        if student and not _is_id(student):
            found.append((["student"], NO_STUDENT))
        try:
            if not _is_id(attempt_of(event)):
                found.append((["attempt"], NO_ID))
        except BadCellError as bad:
            found.append(([bad.column], bad.rule))
    return found


def _is_time(text: str) -> bool:
    """Return whether a text is a time with its offset that has a place in UTC: some of the year 1 have none."""
    try:
        time_of(text)
        return datetime.fromisoformat(text).tzinfo is not None
    except (ValueError, OverflowError):
        return False


def _is_id(text: str) -> bool:
    return 0 < len(text) <= LONGEST_ID and text.isprintable()


def _sent(event: dict[str, Any], settings: Settings) -> Sent:
    half = half_of(event)
    student = student_of(event) if half else ""
    return Sent(
        event_id=id_of(event),
        hash=content_hash(event),
        half=half,
        attempt_id=attempt_of(event) if half else None,
        student_id=own_name(student, settings.accounts_home) if student else None,
        body=trimmed(event) if half else None,
    )


async def _take_ids(session: Session, sent: Sequence[Sent]) -> int:
    """Keep the events that are new; returns how many had come before."""
    now = datetime.now(UTC)
    known = await session.records.known("caliper", [one.event_id for one in sent])
    for one in sent:
        if one.event_id in known and known[one.event_id].hash != one.hash:
            raise ConflictError(
                f"The event {one.event_id} is already stored with another content: nothing of this envelope was "
                "stored. An event's id names it for ever."
            )
    await session.records.append(
        "caliper",
        [
            LearningRecord(
                record_id=one.event_id,
                hash=one.hash,
                kind=one.half or "other",
                student_id=one.student_id,
                about_id=one.attempt_id,
                body=one.body,
                stored_at=now,
            )
            for one in sent
            if one.event_id not in known
        ],
    )
    return len(known)


async def _bring_in_line(
    classroom: Classroom, caller: Caller, attempts: Sequence[str], request_id: str
) -> Counter[str]:
    """Let the log of answers say what the halves say, also where others bring more of them meanwhile."""
    done: Counter[str] = Counter()
    for _ in range(MOST_ROUNDS):
        async with classroom.store.reading(caller.tenant_id) as session:
            plan = await _plan(classroom, session, attempts)
        if not plan.new and not plan.changed:
            return done
        results = await classroom.intake.submit(caller.tenant_id, plan.new) if plan.new else []
        done["accepted"] += sum(result.outcome is Outcome.ACCEPTED for result in results)
        if reasons := [r.reason or "" for r in results if r.outcome is Outcome.REJECTED]:
            raise RejectedError(reasons)
        for answer in plan.changed:
            deed = deed_of(caller, "answers.correct", answer.event_id, request_id)
            await classroom.intake.correct(caller.tenant_id, answer, deed=deed)
            done["corrected"] += 1
    raise UnavailableError("More is being sent about these attempts right now: send the envelope again.")


async def _plan(classroom: Classroom, session: Session, attempts: Sequence[str]) -> Plan:
    """Compare what the halves say with the log.

    Raises:
        ConflictError: the halves of one attempt name two students.
        RejectedError: what they say breaks a rule.
    """
    halves: dict[str, list[LearningRecord]] = {}
    for record in await session.records.about("caliper", attempts):
        halves.setdefault(record.about_id or "", []).append(record)
    wanted: list[Event] = []
    answers: dict[str, Answer] = {}
    reasons: list[str] = []
    for attempt_id, records in halves.items():
        _check_student(attempt_id, records)
        try:
            answer = _answer(classroom, attempt_id, records)
            if answer is not None:
                wanted.append(
                    to_event(
                        answer,
                        tenant_id=session.tenant_id,
                        num_categories=classroom.tracer.vocabulary.num_categories,
                        now=datetime.now(UTC),
                    )
                )
                answers[attempt_id] = answer
        except RejectedError as error:
            reasons += [f"Attempt {attempt_id}: {reason}" for reason in error.reasons]
        except BadCellError as bad:
            reasons.append(f"Attempt {attempt_id}: {bad.column} ({bad.value}): {bad.rule}.")
    if reasons:
        raise RejectedError(reasons)
    known = await session.events.known([event.event_id for event in wanted]) if wanted else {}
    changed: list[Answer] = []
    for event in wanted:
        if event.event_id in known and not known[event.event_id].is_withdrawn:
            stored = await session.events.find(event.event_id)
            if stored is not None and stored.interaction != event.interaction:
                if stored.interaction.student_id != event.interaction.student_id:
                    raise _of_another(event.event_id)
                changed.append(answers[event.event_id])
    new = [answer for attempt_id, answer in answers.items() if attempt_id not in known]
    return Plan(new, changed, num_waiting=len(halves) - len(wanted))


def _check_student(attempt_id: str, records: Iterable[LearningRecord]) -> None:
    if len({record.student_id for record in records} - {None}) > 1:
        raise _of_another(attempt_id)


def _of_another(attempt_id: str) -> ConflictError:
    return ConflictError(f"The attempt {attempt_id} is another student's: each has attempts of its own.")


def _answer(classroom: Classroom, attempt_id: str, records: Sequence[LearningRecord]) -> Answer | None:
    """Return the answer that an attempt is, None while a half of it is missing."""
    completed, grade = _last(records, "completed"), _last(records, "graded")
    if grade is None or (completed is None and not is_of_an_item(grade, set())):
        return None
    said = read_attempt(completed, grade)
    num_categories = classroom.tracer.vocabulary.num_categories
    response = grade_of(success=None, credit=said.credit, num_categories=num_categories)
    if response is None:
        raise RejectedError(
            [
                f"the grade ({said.credit:g} of full credit) is none of the {num_categories} categories of this model."
            ]
        )
    answer = answer_of(
        event_id=attempt_id,
        student_id=own_name(said.student_id, classroom.settings.accounts_home),
        item_id=said.item_id,
        response=response,
        answered_at=_time(said.when, said.when_column),
        elapsed_seconds=said.elapsed_seconds,
        attempt=said.attempt,
        session_id=said.session_id,
    )
    if answer is None:
        raise RejectedError(
            [
                "ids of student, item and session have at most 200 printable characters, a count is at most 1,000,000."
            ]
        )
    return answer


def _time(text: str, column: str) -> datetime:
    try:
        return time_of(text)
    except (ValueError, OverflowError):
        raise BadCellError(column, text, "a time is ISO 8601") from None


def _last(records: Iterable[LearningRecord], half: Half) -> dict[str, Any] | None:
    """Return the last half of its kind by its time, of two at one time the one that came later."""
    bodies = [record.body for record in records if record.kind == half and record.body is not None]
    return max(reversed(bodies), key=lambda body: time_of(text_at(body, "eventTime")), default=None)
