"""The ideal observer against abilities drawn by brute force, and between the item means and the oracle."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from knowtrace.domain import metrics
from knowtrace.sources import Simulation, SimulationConfig, simulate
from knowtrace.sources.ideal_observer import ideal_predictions
from knowtrace.sources.simulator import answer_probabilities, gaming_probabilities

GRADED = SimulationConfig(num_students=300, num_answers=40, num_items=60, num_skills=4, num_categories=4)


def predictions(simulation: Simulation) -> NDArray[np.float64]:
    return np.array(
        list(ideal_predictions(simulation.config, simulation.items, simulation.dataset.students).values())
    )


def responses(simulation: Simulation) -> NDArray[np.int64]:
    return np.array([[a.response for a in history] for history in simulation.dataset.students.values()])


def by_brute_force(simulation: Simulation, student: int, num_draws: int = 200_000) -> NDArray[np.float64]:
    """Predict one student's answers from abilities drawn before the first, weighed by what each answer said.

    One skill, one group, no gaming, no drift, nothing fades: what practice adds is the same for every draw.
    """
    config = simulation.config
    rng = np.random.default_rng(3)
    first = rng.normal(0, np.hypot(0.8, 0.6), num_draws)
    weights = np.full(num_draws, 1 / num_draws)
    items = {item.item_id: item for item in simulation.items}
    history = list(simulation.dataset.students.values())[student]
    gain, predicted = 0.0, []
    for answer in history:
        item = items[answer.item_id]
        given = answer_probabilities(
            first + gain,
            np.full(num_draws, item.discrimination),
            np.tile(item.thresholds, (num_draws, 1)),
            guessing=config.guessing,
            slipping=config.slipping,
        )
        predicted.append(weights @ given)
        weights *= given[:, answer.response]
        weights /= weights.sum()
        gain += config.growth * (config.headroom - gain)
    return np.array(predicted)


@pytest.mark.parametrize(
    ("num_categories", "guessing", "slipping"), [(2, 0.0, 0.0), (2, 0.2, 0.1), (4, 0.0, 0.0)]
)
def test_it_knows_what_brute_force_knows(num_categories: int, guessing: float, slipping: float) -> None:
    config = SimulationConfig(
        num_students=3,
        num_answers=25,
        num_items=20,
        num_skills=1,
        num_categories=num_categories,
        guessing=guessing,
        slipping=slipping,
        half_life_days=1e9,
        gaming_share=0.0,
        drifting_share=0.0,
        groups=("A",),
    )
    simulation = simulate(config, 5)
    predicted = predictions(simulation)
    for student in range(3):
        off = np.abs(predicted[student] - by_brute_force(simulation, student))
        assert off.max() < 0.02
        assert off.mean() < 0.003


@pytest.mark.parametrize(
    "config",
    [
        GRADED,
        replace(GRADED, num_categories=2, guessing=0.2),
        replace(GRADED, gaming_share=0.3, drifting_share=0.3, half_life_days=5.0),
    ],
)
def test_it_stands_between_the_item_means_and_the_oracle(config: SimulationConfig) -> None:
    simulation = simulate(config, 2)
    predicted, given = predictions(simulation), responses(simulation)
    assert predicted.sum(axis=2) == pytest.approx(1)
    assert simulation.dataset.oracle is not None
    oracle = np.array(list(simulation.dataset.oracle.values()))
    names = [item.item_id for item in simulation.items]
    asked = np.array([[names.index(a.item_id) for a in h] for h in simulation.dataset.students.values()])
    # Means of the very answers that are judged: nothing that knows items alone does better on them.
    counts = np.zeros((len(names), config.num_categories))
    np.add.at(counts, (asked, given), 1)
    means = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))[asked]
    losses = [
        metrics.nll(p.reshape(-1, config.num_categories), given.ravel()) for p in (oracle, predicted, means)
    ]
    assert losses[0] < losses[1] - 0.01
    assert losses[1] < losses[2] - 0.03


def test_it_is_calibrated() -> None:
    simulation = simulate(replace(GRADED, num_students=600, gaming_share=0.2), 4)
    predicted, given = predictions(simulation), responses(simulation)
    for k in range(4):
        p = predicted[:, :, k].ravel()
        for low, high in ((0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 1)):
            within = (p >= low) & (p < high)
            spread = np.sqrt((p[within] * (1 - p[within])).sum())
            assert abs((given.ravel() == k)[within].sum() - p[within].sum()) < 4 * spread


def test_who_was_seen_gaming_is_expected_to_game_again() -> None:
    config = replace(GRADED, num_categories=2, gaming_share=0.5, gaming_rate=1.0)
    simulation = simulate(config, 6)
    predicted = predictions(simulation)
    games = np.array([student.is_gaming for student in simulation.students])
    assert predicted[games][:, 1:] == pytest.approx(
        np.broadcast_to(gaming_probabilities(2), (games.sum(), 39, 2))
    )
    assert np.std(predicted[~games][:, 1:, 1]) > 0.1
