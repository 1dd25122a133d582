"""A model that fails costs its mastery, never an answer; a switch of models is a rebuild and never a mixture."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from knowtrace.errors import ConflictError, ModelError, UnavailableError
from knowtrace.registry import PlainRun
from knowtrace.store import Store
from knowtrace.tracing import Tracer, following
from knowtrace.tracing.followed import Followed
from knowtrace.tracing.intake import Intake
from tests.tracing.test_intake import SCHOOL, answer, assert_equals_replay, outcomes, stored


def raises(*_: Any, **__: Any) -> Any:
    raise RuntimeError("the runtime is gone")


def not_a_number(*_: Any, **__: Any) -> Any:
    return np.full(32, np.nan, dtype=np.float32), np.full((12, 2), np.nan, dtype=np.float32)


def break_(tracer: Tracer, how: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("observe", "answer", "predict", "mastery"):
        monkeypatch.setattr(tracer._steps, name, how)


@pytest.mark.parametrize("how", [raises, not_a_number])
async def test_answers_are_stored_while_the_model_fails_and_count_when_it_is_back(
    store: Store, tracer: Tracer, how: Callable[..., Any]
) -> None:
    async with Intake(store, tracer) as intake:
        await intake.submit(SCHOOL, [answer(tracer, n) for n in range(5)])
        with pytest.MonkeyPatch.context() as patch:
            break_(tracer, how, patch)
            results = await intake.submit(SCHOOL, [answer(tracer, n) for n in (5, 9, 7)])
            late = await intake.submit(SCHOOL, [answer(tracer, 30, minute=1.5)])
            again = await intake.submit(SCHOOL, [answer(tracer, 5)])
        assert outcomes([*results, *late, *again]) == ["accepted"] * 4 + ["duplicate"]
        assert all(result.is_degraded and not result.masteries for result in results)
        assert "the model could not be asked" in results[0].notes[0]
        assert (await stored(store)).num_answers == 9
        async with store.reading(SCHOOL) as session:
            assert (await Followed(tracer).live_state(session, "anna")).num_answers == 9
        await intake.submit(SCHOOL, [answer(tracer, 10)])
    await assert_equals_replay(store, tracer)
    assert (await stored(store)).num_answers == 10


async def test_revisions_are_stored_while_the_model_fails(
    store: Store, tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "SNAPSHOT_EVERY", 2)
    async with Intake(store, tracer) as intake:
        await intake.submit(SCHOOL, [answer(tracer, n) for n in range(7)])
        with pytest.MonkeyPatch.context() as patch:
            break_(tracer, raises, patch)
            corrected = await intake.correct(SCHOOL, replace(answer(tracer, 2), correct=None, response=0))
            withdrawn = await intake.withdraw(SCHOOL, "anna-4")
        assert corrected.is_degraded
        assert withdrawn.is_degraded
        assert (await stored(store)).num_answers == 6
        await intake.submit(SCHOOL, [answer(tracer, 8)])
    await assert_equals_replay(store, tracer)


async def test_a_failing_model_says_so_and_is_not_blamed_for_an_unknown_skill(
    tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_(tracer, raises, monkeypatch)
    with pytest.raises(ModelError, match=r"failed \(RuntimeError: the runtime is gone\)"):
        tracer.mastery(tracer.start())
    with pytest.raises(ModelError):
        tracer.expected_success(tracer.start(), [("anything", ())])


async def test_a_switch_answers_by_the_new_model_from_a_rebuilt_state(store: Store, tracer: Tracer) -> None:
    other = Tracer(PlainRun(of=tracer.version, vocabulary=tracer.vocabulary, hears_answers=True))
    async with Intake(store, tracer) as intake:
        [before] = await intake.submit(SCHOOL, [answer(tracer, 1)])
        await intake.switch(other)
        [after] = await intake.submit(SCHOOL, [answer(tracer, 2)])
        assert (before.model_version, after.model_version) == (tracer.version, other.version)
        await assert_equals_replay(store, other)
        await intake.switch(tracer)
        await intake.submit(SCHOOL, [answer(tracer, 3)])
    assert (await stored(store)).model_version == tracer.version
    await assert_equals_replay(store, tracer)


async def test_a_model_of_other_categories_cannot_take_over(store: Store, tracer: Tracer) -> None:
    graded = replace(
        tracer.vocabulary,
        num_categories=4,
        items=tuple(replace(item, category_counts=()) for item in tracer.vocabulary.items),
    )
    other = Tracer(PlainRun(of="x", vocabulary=graded, hears_answers=True))
    async with Intake(store, tracer) as intake:
        with pytest.raises(ConflictError, match="4 response categories, the stored answers have 2"):
            await intake.switch(other)


def test_item_counts_move_with_the_student_and_the_prior_does_not(tracer: Tracer) -> None:
    vocabulary = tracer.vocabulary
    counts, prior = (
        Tracer(PlainRun(of="x", vocabulary=vocabulary, hears_answers=hears)) for hears in (True, False)
    )
    questions = [(item.item_id, item.skill_ids) for item in vocabulary.items]
    means = np.array([item.mean_score for item in vocabulary.items])
    fresh = counts.expected_success(counts.start(), questions)
    assert np.corrcoef(fresh, means)[0, 1] > 0.99
    right, wrong = (
        counts.replay(replace_response(answer(tracer, n), value, tracer) for n in range(20))
        for value in (1, 0)
    )
    assert (counts.expected_success(right, questions) > fresh).all()
    assert (counts.expected_success(wrong, questions) < fresh).all()
    anybody = prior.expected_success(prior.replay([]), questions)
    assert np.ptp(anybody) == 0
    [mastery] = prior.mastery(prior.start(), [vocabulary.skill_ids[0]])
    assert (mastery.low, mastery.high) == (0, 1)


def replace_response(sent: Any, value: int, tracer: Tracer) -> Any:
    from datetime import UTC, datetime

    from knowtrace.tracing.answers import to_event

    graded = replace(sent, correct=None, response=value)
    return to_event(graded, tenant_id=SCHOOL, num_categories=2, now=datetime.now(UTC)).interaction


async def test_a_revision_whose_mastery_fails_is_stored_once_and_says_so(
    store: Store, tracer: Tracer
) -> None:
    """The steps go on and only the look at the student fails: the sender must hear of what is stored."""
    told: list[str] = []
    async with Intake(store, tracer, on_revision=lambda _, result: told.append(result.event_id)) as intake:
        await intake.submit(SCHOOL, [answer(tracer, n) for n in range(4)])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tracer._steps, "predict", raises)
            right = replace(answer(tracer, 1), correct=None, response=0)
            first = await intake.correct(SCHOOL, right)
            again = await intake.correct(SCHOOL, right)
        assert (first.revision, first.is_new, first.is_degraded) == (1, True, True)
        assert (again.revision, again.is_new, again.is_degraded) == (1, False, True)
        assert told == ["anna-1"]
        await intake.submit(SCHOOL, [answer(tracer, 8)])
    await assert_equals_replay(store, tracer)


async def test_a_switch_that_nobody_waits_for_any_more_ends_no_writer(
    store: Store, tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(*_: object) -> int:
        return 0

    monkeypatch.setattr("knowtrace.tracing.intake.replay_ahead", nobody)
    other = Tracer(PlainRun(of="x", vocabulary=tracer.vocabulary, hears_answers=True))
    async with Intake(store, tracer) as intake:
        waiting = asyncio.create_task(intake.submit(SCHOOL, [answer(tracer, n) for n in range(50)]))
        leaving = [asyncio.create_task(intake.switch(other)), asyncio.create_task(intake.forget())]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        await waiting
        [after] = await intake.submit(SCHOOL, [answer(tracer, 60)])
        assert after.model_version == other.version
    with pytest.raises(UnavailableError, match="stopping"):
        await intake.switch(tracer)
