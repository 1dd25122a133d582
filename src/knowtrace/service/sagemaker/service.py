"""Answer a container's contract from one computation."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from knowtrace.deciding import Candidate, Catalogue, Rules, difficulty, recommend
from knowtrace.domain import Recommendation
from knowtrace.errors import TooLargeError
from knowtrace.service.classroom import Classroom
from knowtrace.service.inference.computing import Inference, history_of, skills_are_items
from knowtrace.service.sagemaker.schemas import (
    MOST_ITEMS,
    MOST_STEPS,
    InvocationOut,
    PredictionsOut,
    Row,
    RowOut,
    Table,
    rows_of,
)
from knowtrace.tracing import Tracer
from knowtrace.tracing.answers import RejectedError

NUMBER = re.compile(r"0|-?[1-9][0-9]{0,15}")


async def invoke_one(classroom: Classroom, row: Row) -> InvocationOut:
    """Answer the guide's form.

    Raises:
        RejectedError: a step breaks a rule.
    """
    tracer = classroom.tracer
    [inference] = await tracer.threads.run(_inferences, tracer, [row], ["user_sequence"])
    answer = await tracer.threads.run(_answer, row, inference, classroom.catalogue, classroom.rules)
    return InvocationOut(**answer, model_version=tracer.version, degraded=classroom.is_degraded)


async def invoke_many(classroom: Classroom, table: Table) -> PredictionsOut:
    """Answer a table, row by row.

    Raises:
        RejectedError: steps break a rule; those of every row are named.
        TooLargeError: the rows have more steps or items together than one call may carry.
    """
    rows = rows_of(table)
    for name, most, count in (
        ("steps", MOST_STEPS, sum(len(row.user_sequence) for row in rows)),
        ("items", MOST_ITEMS, sum(len(row.items) for row in rows)),
    ):
        if count > most:
            raise TooLargeError(
                f"{count} {name} in one call, at most {most} may be: send the rows in several calls."
            )
    tracer = classroom.tracer
    places = [f"row {number}: user_sequence" for number in range(len(rows))]
    inferences = await tracer.threads.run(_inferences, tracer, rows, places)
    # A thread per row, one after the other: a long table leaves room for others between its rows.
    predictions = [
        RowOut(**await tracer.threads.run(_answer, row, inference, classroom.catalogue, classroom.rules))
        for row, inference in zip(rows, inferences, strict=True)
    ]
    return PredictionsOut(
        predictions=predictions, model_version=tracer.version, degraded=classroom.is_degraded
    )


def _inferences(tracer: Tracer, rows: Sequence[Row], places: Sequence[str]) -> list[Inference]:
    reasons: list[str] = []
    inferences: list[Inference] = []
    for row, place in zip(rows, places, strict=True):
        answers = [step.to_answer(f"{place}[{number}]") for number, step in enumerate(row.user_sequence)]
        try:
            inferences.append(Inference(tracer, history_of(tracer, answers), row.asked))
        except RejectedError as error:
            reasons += error.reasons
    if reasons:
        raise RejectedError(reasons)
    return inferences


def _answer(row: Row, inference: Inference, catalogue: Catalogue, rules: Rules) -> dict[str, Any]:
    skill_id, item = _next_item(inference, catalogue, rules)
    return {
        "mastery": inference.mastery,
        "next_skill_recommendation": as_called(skill_id, row),
        "next_item": item.item_id if item else None,
        "predicted_accuracy": item.expected_success if item else None,
        "predictions": inference.expected_success,
        "num_answers": inference.state.num_answers,
        "notes": inference.notes,
    }


def _next_item(
    inference: Inference, catalogue: Catalogue, rules: Rules
) -> tuple[str | None, Recommendation | None]:
    """Return the weakest skill that has an item worth asking, and the item the rules choose in it."""
    tracer, state = inference.tracer, inference.state
    best = _best_responses(inference, rules)
    full_credit = tracer.vocabulary.num_categories - 1
    for skill_id in sorted(inference.mastery, key=lambda skill_id: (inference.mastery[skill_id], skill_id)):
        items = [item for item in catalogue.items_of(skill_id) if best.get(item.item_id) != full_credit]
        if not items:
            continue
        success = tracer.expected_success(state, [(item.item_id, item.skill_ids) for item in items]).tolist()
        candidates = [
            Candidate(
                item_id=item.item_id,
                expected_success=expected,
                difficulty=difficulty(item),
                was_seen=item.item_id in best,
            )
            for item, expected in zip(items, success, strict=True)
        ]
        evidence = state.skills.get(skill_id)
        advice = recommend(
            candidates,
            rules=rules,
            skill_name=tracer.vocabulary.skill_name(skill_id),
            num_answers=evidence.num_answers if evidence else 0,
            max_items=1,
        )
        return skill_id, advice.recommendations[0]
    return None, None


def _best_responses(inference: Inference, rules: Rules) -> dict[str, int]:
    """Return the best response to each item of the last `recent_days` of the history; of all of it without times.

    Nothing where training had no items but skills: a skill answered well is to be asked again.
    """
    if skills_are_items(inference.tracer):
        return {}
    last = inference.state.last_answered_at
    recent = timedelta(days=rules.recent_days)
    best: dict[str, int] = {}
    for past in inference.history:
        if last is None or past.answered_at is None or last - past.answered_at <= recent:
            best[past.item_id] = max(past.response, best.get(past.item_id, 0))
    return best


def as_called(skill_id: str | None, row: Row) -> str | int | None:
    """Return a skill's id as the caller writes ids: as a number, if theirs are numbers and it reads as one."""
    is_number = skill_id is not None and NUMBER.fullmatch(skill_id) is not None
    return int(skill_id) if skill_id is not None and is_number and row.numbers_skills else skill_id
