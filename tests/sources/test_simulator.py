"""The simulator: what it promises about its students, its items and its oracle."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from knowtrace.sources import Simulation, SimulationConfig, simulate
from knowtrace.sources.simulator import answer_probabilities, gaming_probabilities, gpcm_probabilities

BINARY = SimulationConfig(num_students=300, num_answers=50)
GRADED = replace(BINARY, num_categories=4)


def responses_of(simulation: Simulation) -> NDArray[np.int64]:
    return np.array([[a.response for a in history] for history in simulation.dataset.students.values()])


def oracle_of(simulation: Simulation) -> NDArray[np.float64]:
    assert simulation.dataset.oracle is not None
    return np.array(list(simulation.dataset.oracle.values()))


def test_gpcm_by_hand() -> None:
    # Steps 1 * (0.5 - (-0.5)) = 1 and 1 * (0.5 - 0.5) = 0: category logits 0, 1, 1.
    p = gpcm_probabilities(np.array([0.5]), np.array([1.0]), np.array([[-0.5, 0.5]]))
    e = np.e
    assert p[0] == pytest.approx([1 / (1 + 2 * e), e / (1 + 2 * e), e / (1 + 2 * e)])


def test_two_categories_are_the_2pl() -> None:
    p = gpcm_probabilities(np.array([1.2]), np.array([1.5]), np.array([[0.2]]))
    assert p[0, 1] == pytest.approx(1 / (1 + np.exp(-1.5)))


def test_4pl_by_hand() -> None:
    """Barton and Lord (1981): c + (d - c) / (1 + exp(-a (theta - b))), with d = 1 - slipping."""
    ability, threshold = np.array([1.2, -40.0, 40.0]), np.full((3, 1), 0.2)
    p = answer_probabilities(ability, np.full(3, 1.5), threshold, guessing=0.2, slipping=0.1)
    assert p[:, 1] == pytest.approx([0.2 + 0.7 / (1 + np.exp(-1.5)), 0.2, 0.9])
    assert p.sum(axis=1) == pytest.approx(1)


def test_blind_answers_lie_near_chance() -> None:
    assert gaming_probabilities(2) == pytest.approx([0.75, 0.25])
    assert gaming_probabilities(4).sum() == pytest.approx(1)


@pytest.mark.parametrize("config", [BINARY, GRADED, replace(BINARY, guessing=0.2, slipping=0.1)])
def test_the_oracle_is_calibrated(config: SimulationConfig) -> None:
    simulation = simulate(config, 3)
    oracle, responses = oracle_of(simulation), responses_of(simulation)
    assert oracle.shape == (300, 50, config.num_categories)
    assert oracle.sum(axis=2) == pytest.approx(1)
    for k in range(config.num_categories):
        share, expected = (responses == k).mean(), oracle[:, :, k].mean()
        spread = np.sqrt((oracle[:, :, k] * (1 - oracle[:, :, k])).sum()) / responses.size
        assert abs(share - expected) < 4 * spread
        sure = oracle[:, :, k] > 0.6
        if sure.sum() > 100:
            assert (responses == k)[sure].mean() == pytest.approx(oracle[:, :, k][sure].mean(), abs=0.06)


def test_guessing_is_the_floor_and_slipping_the_ceiling_of_honest_answers() -> None:
    simulation = simulate(replace(BINARY, guessing=0.2, slipping=0.1, headroom=9.0, gaming_share=0), 1)
    right = oracle_of(simulation)[:, :, 1]
    assert right.min() >= 0.2
    assert 0.89 < right.max() <= 0.9
    assert {(item.guessing, item.slipping) for item in simulation.items} == {(0.2, 0.1)}


def test_students_learn_and_without_growth_they_do_not() -> None:
    learning = simulate(replace(BINARY, gaming_share=0, drifting_share=0), 2)
    gain = [np.subtract(s.last_ability, s.first_ability).mean() for s in learning.students]
    assert np.mean(gain) > 0.3
    still = simulate(replace(BINARY, growth=0), 2)
    assert all(s.last_ability == pytest.approx(s.first_ability) for s in still.students)


def test_what_was_gained_fades_between_sessions() -> None:
    def mean_gain(half_life_days: float) -> float:
        simulation = simulate(replace(BINARY, half_life_days=half_life_days), 2)
        return float(
            np.mean([np.subtract(s.last_ability, s.first_ability).mean() for s in simulation.students])
        )

    assert mean_gain(2) < 0.6 * mean_gain(1000)


def test_gaming_students_are_fast_and_near_chance() -> None:
    simulation = simulate(replace(BINARY, gaming_share=0.3, gaming_rate=1), 4)
    for student in simulation.students:
        history = simulation.dataset.students[student.student_id]
        seconds = [answer.elapsed_seconds for answer in history]
        if student.is_gaming:
            assert max(s or 0 for s in seconds) <= 3.5
            assert simulation.dataset.oracle is not None
            assert np.allclose(simulation.dataset.oracle[student.student_id], [0.75, 0.25])
        else:
            assert min(s or 0 for s in seconds) >= 4
    assert 0.2 < np.mean([student.is_gaming for student in simulation.students]) < 0.4


def test_drifting_items_become_harder_on_one_date() -> None:
    config = replace(BINARY, drifting_share=0.5, drift=4, drift_after_days=8, growth=0, gaming_share=0)
    simulation = simulate(config, 5)
    drifting = {item.item_id for item in simulation.items if item.is_drifting}
    rates: dict[tuple[bool, bool], list[int]] = {}
    for history in simulation.dataset.students.values():
        for answer in history:
            assert answer.answered_at is not None
            after = (answer.answered_at - config.start).days >= 8
            rates.setdefault((answer.item_id in drifting, after), []).append(answer.response)
    assert np.mean(rates[True, False]) - np.mean(rates[True, True]) > 0.3
    assert abs(np.mean(rates[False, False]) - np.mean(rates[False, True])) < 0.05


def test_most_items_have_one_skill_and_some_two() -> None:
    simulation = simulate(BINARY, 6)
    sizes = [len(item.skill_ids) for item in simulation.items]
    assert set(sizes) == {1, 2}
    assert 0.05 < np.mean([size == 2 for size in sizes]) < 0.3
    skills_of = {item.item_id: item.skill_ids for item in simulation.items}
    histories = simulation.dataset.students.values()
    assert all(answer.skill_ids == skills_of[answer.item_id] for history in histories for answer in history)


def test_answers_are_in_order_of_time_and_in_sessions() -> None:
    for history in simulate(BINARY, 7).dataset.students.values():
        times = [answer.answered_at for answer in history]
        assert all(before < after for before, after in pairwise(times) if before and after)
        sessions = [answer.session_id for answer in history]
        assert len(dict.fromkeys(sessions)) == 1 + sum(a != b for a, b in pairwise(sessions))


def test_groups_differ_by_the_gap() -> None:
    simulation = simulate(replace(BINARY, num_students=2000, num_answers=1, group_gap=1.0), 8)
    mean = {
        group: np.mean([s.first_ability for s in simulation.students if s.group == group])
        for group in ("A", "B")
    }
    assert mean["A"] - mean["B"] == pytest.approx(1.0, abs=0.15)


def test_a_seed_is_a_simulation() -> None:
    assert simulate(BINARY, 9).dataset.students == simulate(BINARY, 9).dataset.students
    assert simulate(BINARY, 9).dataset.students != simulate(BINARY, 10).dataset.students


def test_the_smallest_simulation_works() -> None:
    tiny = SimulationConfig(num_students=1, num_answers=1, num_items=1, num_skills=1)
    assert simulate(tiny, 0).dataset.num_interactions == 1


def test_every_value_out_of_range_is_named_at_once() -> None:
    with pytest.raises(ValueError, match="must be at least 1") as error:
        SimulationConfig(num_students=0, gaming_share=1.5, num_items=3, guessing=0.2, num_categories=3)
    for text in (
        "num_students (0) must be at least 1",
        "gaming_share (1.5) must lie in [0, 1]",
        "num_items (3) must be at least num_skills (10)",
        "guessing (0.2) must be 0 for 3 categories",
    ):
        assert text in str(error.value)
    with pytest.raises(ValueError, match=r"guessing \(0\.6\) and slipping \(0\.5\) must sum to at most 1"):
        SimulationConfig(guessing=0.6, slipping=0.5)
