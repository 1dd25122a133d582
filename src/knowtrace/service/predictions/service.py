"""Predict a student's next answers from a history that was sent, or from what is stored."""

import time
from collections.abc import Iterable
from contextlib import nullcontext

from knowtrace.domain import FROM_OTHERS, Interaction, Mastery
from knowtrace.service.classroom import Classroom
from knowtrace.service.identity.caller import Caller
from knowtrace.service.predictions.schemas import PredictionOut, PredictionRequest
from knowtrace.tracing import StudentState, Tracer
from knowtrace.tracing.ahead import LONG_HISTORY
from knowtrace.tracing.answers import RejectedError, grade

NO_IMPORTANCE = "This version does not attribute predictions to features."


async def predict(
    classroom: Classroom, caller: Caller, asked: PredictionRequest, *, in_thread: bool = False
) -> PredictionOut:
    """Return the expected success on each candidate; `in_thread` leaves the event loop to others, at some cost.

    Raises:
        RejectedError: an attempt of the history breaks a rule.
    """
    tracer = classroom.tracer
    history = _history(asked, tracer.vocabulary.num_categories)
    started = time.perf_counter()
    if history:
        async with classroom.replays if len(history) >= LONG_HISTORY else nullcontext():
            state = await tracer.threads.run(tracer.replay, history)
    else:
        state, _ = await classroom.model.followed.look(classroom.store, caller.tenant_id, asked.student)
    if in_thread:
        return await tracer.threads.run(_answer, classroom, asked, history, state, started)
    return _answer(classroom, asked, history, state, started)


def _history(asked: PredictionRequest, num_categories: int) -> list[Interaction]:
    """Return the attempts as interactions, in order of time; those of one time stay in the order they
    came.
    """
    reasons: list[str] = []
    history: list[Interaction] = []
    for number, attempt in enumerate(asked.attempt_history):
        try:
            response = grade(
                correct=attempt.correct, response=attempt.response, num_categories=num_categories
            )
        except RejectedError as error:
            reasons.append(f"attempt_history[{number}]: {error}")
            continue
        history.append(
            Interaction(
                student_id=asked.student,
                item_id=attempt.item_id,
                skill_ids=tuple(attempt.topic_ids),
                response=response,
                answered_at=attempt.timestamp,
                elapsed_seconds=None if attempt.time_taken_ms is None else attempt.time_taken_ms / 1000,
                hints_used=attempt.hints_used,
            )
        )
    if reasons:
        raise RejectedError(reasons)
    return sorted(history, key=lambda interaction: (interaction.answered_at is None, interaction.answered_at))


def _answer(
    classroom: Classroom,
    asked: PredictionRequest,
    history: list[Interaction],
    state: StudentState,
    started: float,
) -> PredictionOut:
    tracer = classroom.tracer
    items = list(dict.fromkeys(asked.candidate_items))
    success = tracer.expected_success(state, [(item_id, ()) for item_id in items]).tolist()
    touched = [skill_id for item_id in items for skill_id in tracer.skills_of(item_id)]
    touched += [skill_id for past in history for skill_id in tracer.skills_of(past.item_id, past.skill_ids)]
    known = [skill_id for skill_id in dict.fromkeys(touched) if skill_id in tracer.vocabulary.skill_indices]
    mastery = {mastery.skill_id: mastery for mastery in tracer.mastery(state, known)}
    return PredictionOut(
        **asked.caller_words,
        predictions=dict(zip(items, success, strict=True)),
        confidence_scores={
            item_id: _confidence(mastery[skill_id] for skill_id in tracer.skills_of(item_id))
            for item_id in items
        },
        topic_mastery={skill_id: mastery[skill_id].estimate for skill_id in known},
        feature_importance=None,
        feature_importance_reason=NO_IMPORTANCE if asked.explain else "Not asked for: explain is false.",
        num_answers=state.num_answers,
        inference_time_ms=round((time.perf_counter() - started) * 1e3, 3),
        cached=False,
        notes=_notes(tracer, asked, items),
        model_version=tracer.version,
        degraded=classroom.is_degraded,
    )


def _confidence(masteries: Iterable[Mastery]) -> float | None:
    widths = [mastery.high - mastery.low for mastery in masteries]
    return 1 - max(widths) if widths else None


def _notes(tracer: Tracer, asked: PredictionRequest, items: list[str]) -> list[str]:
    notes: list[str] = []
    unseen = [item_id for item_id in items if tracer.vocabulary.item(item_id) is None]
    if unseen:
        notes.append(
            f"{len(unseen)} of the candidates were not in the training data and have no known skill: their "
            "prediction is that of any new item, without confidence."
        )
    known = map(tracer.vocabulary.item, items)
    if unanswered := [item.item_id for item in known if item and item.is_unanswered]:
        notes.append(
            f"{len(unanswered)} of the candidates have no answers in the training data, {unanswered[0]!r} the first of "
            f"them: {FROM_OTHERS}."
        )
    if asked.context:
        notes.append("context is not read by this model.")
    return notes


def difference(one: PredictionOut, other: PredictionOut) -> float:
    """Return how far two answers are apart, on average over the items."""
    apart = [abs(p - other.predictions[item_id]) for item_id, p in one.predictions.items()]
    return sum(apart) / len(apart)
