"""Containers as arrays: which answers begin one, the lag before it, and what is predicted from what (ADR-0006)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import numpy as np
import pytest
import torch

from knowtrace.domain import UNKNOWN_TIME, Interaction
from knowtrace.models import Sizes, build_model
from knowtrace.training import (
    notes_on_containers,
    predict_all,
    scored_answers,
)
from knowtrace.training.containers import Containers, begins_of, lags_of
from knowtrace.training.intervals import collect_moments
from knowtrace.training.predicting import MOST_TURNS
from training.histories import START, given_in

SMALL = Sizes(num_items=12, num_skills=6, num_categories=2)


def answer(
    seconds: float, container_id: str | None, *, elapsed: float | None = None, item: str = "i"
) -> Interaction:
    return Interaction(
        student_id="s",
        item_id=item,
        skill_ids=("k",),
        response=1,
        answered_at=START + timedelta(seconds=seconds),
        elapsed_seconds=elapsed,
        container_id=container_id,
    )


def test_only_neighbours_with_one_id_were_given_together() -> None:
    history = [answer(n, c) for n, c in enumerate(["a", "a", "b", "a", None, None, "a"])]
    assert begins_of(history) == [True, False, True, True, True, True, True]


def test_the_lag_to_a_container_ends_where_its_first_item_was_asked() -> None:
    """One time for all, as Riiid has it: three answers of 20 s end at 100 s, so they were asked at 40 s. Or each with
    its own time: the first of 20 s ends at 60 s, and a pause before the second is no part of the lag."""
    shared = [answer(0, "a"), *[answer(100, "b", elapsed=20) for _ in range(3)], answer(130, "c", elapsed=10)]
    assert lags_of(shared) == [UNKNOWN_TIME, 40, 0, 0, 20]
    each = [
        answer(0, "a"),
        answer(60, "b", elapsed=20),
        answer(90, "b", elapsed=20),
        answer(110, "b", elapsed=20),
    ]
    assert lags_of(each) == [UNKNOWN_TIME, 40, 0, 0]
    assert lags_of([answer(0, "a"), answer(60, "b"), answer(90, "b")]) == [UNKNOWN_TIME, 0, 0]
    assert lags_of([answer(0, "a"), answer(0, "a"), answer(9_000, None)]) == [UNKNOWN_TIME, 0, 9_000]


def test_how_long_answers_given_together_took_is_no_part_of_the_lag_before_them() -> None:
    """Right bundles take 10 s a question and wrong ones 200 s; all are asked 5 s after the last."""
    history: list[Interaction] = []
    at = 0.0
    for n in range(20):
        seconds = 10.0 if n % 3 else 200.0
        at += 5 + 3 * seconds
        history += [answer(at, str(n), elapsed=seconds) for _ in range(3)]
    assert set(lags_of(history)[3::3]) == {5.0}
    assert set(lags_of(history)[4::3]) == {0.0}


def test_turning_brings_each_answer_to_the_front_of_its_own_container() -> None:
    containers = Containers(given_in([[1, 3], [2]]).begins)
    assert containers.sizes.tolist() == [1, 3, 2]
    assert containers.turned(np.array([0, 0, 0])).tolist() == [0, 1, 2, 3, 4, 5]
    assert containers.turned(np.array([5, 2, 1])).tolist() == [0, 3, 1, 2, 5, 4]


def test_a_cut_container_begins_anew_and_its_first_answer_is_a_target() -> None:
    sequences = given_in([[1, 4, 1]])
    pieces = sequences.cut(3)
    assert pieces.stretch(slice(None)).begins.tolist() == [True, True, False, True, False, True]
    assert pieces.batch([0, 1]).targets.tolist() == [[True, True, False], [True, False, True]]
    assert sequences.whole.beginnings(4).stretch([0]).begins.tolist() == [True, True, False, False]


def test_answers_are_predicted_from_what_stood_before_their_container() -> None:
    """By observing answer by answer: all of a container are asked at the state before it, then told."""
    sequences = given_in([[1, 3, 2, 1], [2, 2], [1, 1, 1]], seed=3)
    torch.manual_seed(0)
    model = build_model("elo", SMALL).eval()
    found, _, _ = predict_all(model, sequences)
    containers = Containers(sequences.begins)
    for student in range(3):
        batch = sequences.batch([student])
        first = int(sequences.starts[student])
        numbers = containers.numbers[first : first + int(sequences.lengths[student])]
        for t, number in enumerate(numbers):
            earlier = np.flatnonzero(numbers < number)
            place = int(containers.places[first + t])
            # Earlier containers stand turned as far as this one, each by its own size.
            sizes, firsts = containers.sizes, containers.firsts - first
            told = [
                int(firsts[numbers[n]] + (n - firsts[numbers[n]] + place) % sizes[numbers[n]])
                for n in earlier
            ]
            with torch.no_grad():
                state = model.initial_state()
                for n in told:
                    state = model.observe(state, batch.answer_at(n))
                expected = model.predict(state, batch.asked_at(t))[0, 0]
            np.testing.assert_allclose(found[first + t], expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("name", ["best-lr", "dkt", "mingru", "sakt"])
def test_other_answers_to_a_container_move_what_comes_after_it_alone(name: str) -> None:
    sequences = given_in([[1, 3, 2, 2]], seed=4)
    torch.manual_seed(0)
    model = build_model(name, SMALL)
    other = sequences.responses.copy()
    other[1:4] = 1 - other[1:4]
    before, after = (predict_all(model, s)[0][:, 1] for s in (sequences, replace(sequences, responses=other)))
    np.testing.assert_allclose(after[:4], before[:4], atol=1e-6)
    assert (np.abs(after - before)[4:] > 1e-6).all()


def test_the_first_container_is_not_scored_nor_what_is_beyond_the_turns() -> None:
    sequences = given_in([[2, 1, 3], [1, 40]])
    scored = scored_answers(sequences)
    assert scored[:6].tolist() == [False, False, True, True, True, True]
    assert (scored[6], int(scored[7:].sum())) == (False, MOST_TURNS)
    model = build_model("elo", SMALL)
    probabilities, _, _ = predict_all(model, sequences)
    assert np.isfinite(probabilities).all(1).tolist() == [*[True] * 7, *scored[7:].tolist()]
    [note] = notes_on_containers(sequences)
    assert note.startswith("45 of 47 answers were given together with others")
    assert "11 answers are not scored" in note


class _Told:
    """Steps whose state is the answers they were told: items are the numbers of answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, list[int]]] = []

    def observe(self, state: int, item: int, *_: object, **__: object) -> int:
        assert item == state
        return state + 1

    def predict(self, state: int, items: Any, *_: object, **__: object) -> Any:
        self.asked.append((state, items.tolist()))
        return np.full((len(items), 2), 0.5)


def test_intervals_are_measured_from_states_before_a_container() -> None:
    sequences = given_in([[1, 4, 3, 1, 5, 2]])
    count = sequences.num_answers
    sequences = replace(sequences, items=np.arange(count), skills=np.full((count, 1), 2))
    told = _Told()
    moments = collect_moments(cast(Any, told), cast(Any, 0), sequences, num_categories=2)
    assert [state for state, _ in told.asked] == [m.evidence for m in moments] == [0, 1, 5, 8, 9]
    assert all(items == list(range(state, min(state + 10, count))) for state, items in told.asked)
