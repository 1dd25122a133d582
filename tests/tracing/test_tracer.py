"""The live state of a student against the trained model itself, answer by answer."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from knowtrace.domain import UNKNOWN_TIME, Interaction, MasteryState, mastery_state
from knowtrace.errors import NotFoundError
from knowtrace.models import Batch
from knowtrace.registry import Run
from knowtrace.sources import Dataset
from knowtrace.tracing import Tracer
from knowtrace.training import Recipe, Reporter, TrainingConfig, load_model, train

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def tracer(opened_run: Run) -> Tracer:
    return Tracer(opened_run)


def random_history(run: Run, length: int, *, seed: int) -> list[Interaction]:
    """Return answers to known and unknown items, whose skills are the catalogue's, given, unknown or none."""
    rng = np.random.default_rng(seed)
    items = [item.item_id for item in run.vocabulary.items]
    skills = [*run.vocabulary.skill_ids, "skill nobody has"]
    history = []
    for n in range(length):
        item_id = "item nobody has" if rng.random() < 0.2 else items[rng.integers(len(items))]
        given = (
            rng.choice(skills, size=rng.integers(1, 3), replace=False).tolist() if rng.random() < 0.5 else []
        )
        at = NOON + timedelta(minutes=n)
        response = int(rng.integers(2))
        history.append(
            Interaction(
                student_id="s",
                item_id=item_id,
                skill_ids=tuple(given),
                response=response,
                answered_at=at,
                elapsed_seconds=float(rng.integers(1, 200)),
            )
        )
    return history


def assert_live_equals_parallel(run: Run, history: list[Interaction], *, timed: bool) -> None:
    """Check answers that came a minute apart; the forward pass is shown their times only if `timed`."""
    tracer = Tracer(run)
    model, vocabulary = load_model(run)
    rows = [vocabulary.skill_row(tracer.skills_of(a.item_id, a.skill_ids)) for a in history]
    unknown = torch.full((1, len(history)), UNKNOWN_TIME)
    waits = [max(60.0 - (a.elapsed_seconds or 0.0), 0.0) for a in history[1:]]
    batch = Batch(
        items=torch.tensor([[vocabulary.item_index(a.item_id) for a in history]]),
        skills=torch.tensor([rows]),
        responses=torch.tensor([[a.response for a in history]]),
        valid=torch.ones(1, len(history), dtype=torch.bool),
        targets=torch.ones(1, len(history), dtype=torch.bool),
        lags=torch.tensor([[UNKNOWN_TIME, *waits]]) if timed else unknown,
        elapsed=torch.tensor([[a.elapsed_seconds for a in history]]) if timed else unknown,
        groups=torch.zeros(1, dtype=torch.long),
    )
    with torch.no_grad():
        expected = model(batch).softmax(-1)[0].numpy()
    state = tracer.start()
    for t, answer in enumerate(history):
        assert answer.answered_at is not None
        asked_at = answer.answered_at - timedelta(seconds=answer.elapsed_seconds or 0.0)
        live = tracer.probabilities(state, [(answer.item_id, answer.skill_ids)], at=asked_at)
        np.testing.assert_allclose(live[0], expected[t], atol=1e-5)
        state = tracer.observe(state, answer)
    assert state.num_answers == len(history)


@pytest.mark.parametrize("seed", range(8))
def test_live_probabilities_equal_the_parallel_forward(opened_run: Run, seed: int) -> None:
    history = random_history(opened_run, 5 + 7 * seed, seed=seed)
    assert_live_equals_parallel(opened_run, history, timed=True)


@pytest.mark.parametrize("timed", [True, False])
def test_a_model_is_shown_times_only_if_it_learnt_with_them(
    small_dataset: Dataset, tmp_path: Path, reporter: Reporter, timed: bool
) -> None:
    """The live service always knows the time; a model that never saw one has no idea what it means."""
    data = small_dataset if timed else without_times(small_dataset)
    recipe = Recipe(model="mingru", training=TrainingConfig(epochs=1, batch_answers=1024))
    run = train(data, recipe, tmp_path / "run", reporter=reporter)
    assert (run.vocabulary.has_lags, run.vocabulary.has_elapsed) == (timed, timed)
    assert_live_equals_parallel(run, random_history(run, 30, seed=4), timed=timed)


def without_times(dataset: Dataset) -> Dataset:
    untimed = {
        student_id: [replace(answer, answered_at=None, elapsed_seconds=None) for answer in history]
        for student_id, history in dataset.students.items()
    }
    return replace(dataset, students=untimed)


def test_observing_leaves_the_old_state_as_it_was(tracer: Tracer, opened_run: Run) -> None:
    first, second = random_history(opened_run, 2, seed=99)
    old = tracer.observe(tracer.start(), first)
    vector, skills = old.vector.copy(), dict(old.skills)
    new = tracer.observe(old, second)
    assert (old.vector == vector).all()
    assert (old.skills, old.num_answers, old.last_answered_at) == (skills, 1, first.answered_at)
    assert (new.vector != vector).any()
    assert (new.num_answers, new.last_answered_at) == (2, second.answered_at)
    assert (tracer.start().vector == opened_run.initial_state).all()


def test_replay_is_observing_one_by_one(tracer: Tracer, opened_run: Run) -> None:
    history = random_history(opened_run, 20, seed=5)
    state = tracer.start()
    for answer in history:
        state = tracer.observe(state, answer)
    replayed = tracer.replay(history)
    assert (replayed.vector == state.vector).all()
    assert replayed.skills == state.skills


def test_mastery_of_all_skills_is_that_of_each(tracer: Tracer, opened_run: Run) -> None:
    state = tracer.replay(random_history(opened_run, 25, seed=6))
    together = tracer.mastery(state)
    assert [mastery.skill_id for mastery in together] == list(opened_run.vocabulary.skill_ids)
    for mastery in together:
        (alone,) = tracer.mastery(state, [mastery.skill_id])
        assert alone.estimate == pytest.approx(mastery.estimate, abs=1e-6)
        assert (alone.evidence, alone.state) == (mastery.evidence, mastery.state)
        assert (alone.low, alone.high) == pytest.approx((mastery.low, mastery.high), abs=1e-5)
    assert tracer.mastery(state, []) == []


def test_mastery_is_the_mean_expected_success_of_the_skills_calibrated_items(
    tracer: Tracer, opened_run: Run
) -> None:
    """The small simulation has fewer than 12 calibrated items per skill, so the panel is all of them."""
    state = tracer.replay(random_history(opened_run, 10, seed=7))
    for skill_id in opened_run.vocabulary.skill_ids:
        items = [i for i in opened_run.vocabulary.items if skill_id in i.skill_ids and i.num_answers >= 10]
        assert tracer.num_calibrated(skill_id) == len(items) <= 12
        (mastery,) = tracer.mastery(state, [skill_id])
        success = tracer.expected_success(state, [(item.item_id, ()) for item in items])
        assert mastery.estimate == pytest.approx(float(success.mean()), abs=1e-6)
        assert mastery.low <= mastery.estimate <= mastery.high
        assert mastery.state is mastery_state(mastery.estimate, mastery.evidence, was_mastered=False)


def test_an_answer_counts_once_for_each_known_skill_it_touches(tracer: Tracer, opened_run: Run) -> None:
    skill_a, skill_b = opened_run.vocabulary.skill_ids[:2]
    item_id = opened_run.vocabulary.items[0].item_id
    answer = Interaction(
        student_id="s",
        item_id=item_id,
        skill_ids=(skill_a, skill_b, skill_a, "?"),
        response=1,
        answered_at=NOON,
    )
    state, masteries = tracer.answer(tracer.start(), answer)
    assert {skill: known.num_answers for skill, known in state.skills.items()} == {skill_a: 1, skill_b: 1}
    assert [(m.skill_id, m.evidence, m.last_answered_at) for m in masteries] == [
        (skill_a, 1, NOON),
        (skill_b, 1, NOON),
    ]
    assert all(m.state is MasteryState.NOT_ENOUGH_DATA for m in masteries)


def test_a_right_answer_raises_and_a_wrong_one_lowers_mastery(tracer: Tracer, opened_run: Run) -> None:
    item = opened_run.vocabulary.items[0]
    states = {
        response: tracer.replay(
            [Interaction(student_id="s", item_id=item.item_id, skill_ids=(), response=response)] * 8
        )
        for response in (0, 1)
    }
    for skill_id in item.skill_ids:
        (low,), (high,) = (tracer.mastery(states[response], [skill_id]) for response in (0, 1))
        assert low.estimate < high.estimate


def test_an_unknown_item_is_answered_as_an_unseen_item_of_its_skills(tracer: Tracer, opened_run: Run) -> None:
    skills = opened_run.vocabulary.skill_ids
    state = tracer.replay(random_history(opened_run, 15, seed=8))
    p = tracer.probabilities(state, [("no such item", (skill,)) for skill in skills] + [("no such item", ())])
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-6)
    assert len({round(float(right), 6) for right in p[:, 1]}) > 1
    again = tracer.probabilities(state, [("another unknown", (skills[0],))])
    np.testing.assert_allclose(again[0], p[0], atol=1e-7)


def test_an_unknown_skill_is_not_found_and_says_where_to_look(tracer: Tracer) -> None:
    with pytest.raises(NotFoundError, match="Skill 'algebra' is not known to model dkt-"):
        tracer.mastery(tracer.start(), ["algebra"])


@pytest.mark.parametrize(
    "room", ["domain", "registry", "tracing", "deciding", "store", "service.app", "dashboard"]
)
def test_serving_imports_no_torch(room: str) -> None:
    code = f"import sys, knowtrace.{room}; print([m for m in ('torch', 'onnx', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_questions_have_no_probabilities(opened_run: Run) -> None:
    tracer = Tracer(opened_run)
    assert tracer.probabilities(tracer.start(), []).shape == (0, 2)


def test_a_model_without_skills_can_be_served(
    small_dataset: Dataset, tmp_path: Path, reporter: Reporter
) -> None:
    """Three-line text has no skills: predictions are all there is, and mastery of all skills is an empty list."""
    bare = replace(
        small_dataset,
        students={
            student_id: [replace(interaction, skill_ids=()) for interaction in history]
            for student_id, history in small_dataset.students.items()
        },
        oracle=None,
    )
    recipe = Recipe(model="item-mean")
    tracer = Tracer(train(bare, recipe, tmp_path / "run", reporter=reporter))
    student, masteries = tracer.answer(tracer.start(), next(iter(bare.students.values()))[0])
    assert masteries == []
    assert tracer.mastery(student) == []


def test_a_skill_named_twice_counts_once(tracer: Tracer) -> None:
    """An item's row of skills is as wide as the widest item's: a repeated skill would push another one out."""
    first, second = tracer.vocabulary.skill_ids[:2]
    item_id = tracer.vocabulary.items[0].item_id
    once = Interaction(
        student_id="s", item_id=item_id, skill_ids=(first, second), response=1, answered_at=NOON
    )
    after_once = tracer.observe(tracer.start(), once)
    after_twice = tracer.observe(tracer.start(), replace(once, skill_ids=(first, first, second)))
    np.testing.assert_array_equal(after_twice.vector, after_once.vector)
    assert tracer.skills_of(item_id, (first, first, second)) == (first, second)


def test_skills_beyond_what_the_model_is_told_gain_no_evidence(tracer: Tracer) -> None:
    """A row of skills is as wide as the widest item's: of more skills the model never hears."""
    skill_ids = tracer.vocabulary.skill_ids
    width = tracer.vocabulary.skills_per_item
    assert len(skill_ids) > width
    answer = Interaction(student_id="s", item_id="new", skill_ids=skill_ids, response=1, answered_at=NOON)
    after, masteries = tracer.answer(tracer.start(), answer)
    assert tuple(after.skills) == skill_ids[:width]
    assert [mastery.skill_id for mastery in masteries] == list(skill_ids[:width])
