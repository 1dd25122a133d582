"""Each warning sign is said once, and only when it is due."""

import math

import pytest

from knowtrace.training.watch import TrainingWatch


def usual_steps(watch: TrainingWatch, norm: float, count: int) -> list[str]:
    return [text for number in range(count) for text in watch.step(number, 0.5, norm)]


@pytest.mark.parametrize(("loss", "norm"), [(math.nan, 1.0), (0.5, math.nan), (math.inf, 1.0)])
def test_a_step_that_is_not_finite_is_said_once(loss: float, norm: float) -> None:
    watch = TrainingWatch()
    assert len(watch.step(1, loss, norm)) == 1
    assert watch.step(2, loss, norm) == []
    assert not watch.recent


def test_an_exploding_gradient_is_said_once_after_50_usual_steps() -> None:
    early = TrainingWatch()
    assert usual_steps(early, 1.0, 49) + early.step(50, 0.5, 1e6) == []
    watch = TrainingWatch()
    assert usual_steps(watch, 1.0, 50) == []
    assert watch.step(51, 0.5, 100.0) == []
    (text,) = watch.step(52, 0.5, 100.1)
    assert "exploding" in text
    assert watch.step(53, 0.5, 1e6) == []


def test_a_vanishing_gradient_is_said_once_and_explodes_not() -> None:
    watch = TrainingWatch()
    (text,) = usual_steps(watch, 1e-8, 120)
    assert "vanishing" in text
    assert usual_steps(TrainingWatch(), 1e-6, 120) == []
    assert usual_steps(TrainingWatch(), 0.0, 50) == []


def test_no_progress_over_three_epochs_is_said_once() -> None:
    watch = TrainingWatch()
    assert [watch.epoch(n, 0.6) for n in (1, 2, 3)] == [[], [], []]
    (text,) = watch.epoch(4, 0.6)
    assert "no progress" in text
    assert watch.epoch(5, 0.6) == []


def test_slow_progress_is_progress() -> None:
    watch = TrainingWatch()
    assert [text for n in range(9) for text in watch.epoch(n, 0.6 - 0.0001 * n)] == []
