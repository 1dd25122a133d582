"""What could be known of simulated students: predictions by one who knows the simulator, but no student.

The observer knows every item, how abilities spread, grow and fade, and that fast answers are blind; a student's
abilities it learns from the answers alone, as a model must. What the oracle gains beyond it is hidden from everybody.

Abilities before the first answer are Gaussian to the observer, (S,) for each student: talent, and skills around it.
What practice has added since does not depend on them, so it is known. Each answer tilts the Gaussian along the
direction of its item's skills, and the tilted density is replaced by the Gaussian of its mean and variance:
assumed-density filtering (Minka, 2001, "A family of algorithms for approximate Bayesian inference").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray

from knowtrace.domain import Interaction
from knowtrace.sources.simulator import (
    LONGEST_BLIND_SECONDS,
    SECONDS_PER_DAY,
    SPREAD_OF_SKILLS,
    SPREAD_OF_TALENT,
    Floats,
    Integers,
    SimulatedItem,
    SimulationConfig,
    answer_probabilities,
    gaming_probabilities,
)

QUADRATURE_POINTS = 21


def ideal_predictions(
    config: SimulationConfig,
    items: Sequence[SimulatedItem],
    students: Mapping[str, Sequence[Interaction]],
) -> dict[str, Floats]:
    """Return for each student the category probabilities (T, K) of every answer, from the answers before it.

    All histories must be of `config.num_answers`, as the simulator makes them.
    """
    course = _Course.of(config, items, students)
    observer = _Observer(config, len(students))
    predicted = np.zeros((len(students), config.num_answers, config.num_categories))
    for t in range(config.num_answers):
        observer.rest(course.days_before[:, t])
        item = course.item[:, t]
        on_item = course.skills[item]  # (N, S)
        thresholds = course.thresholds[item] + course.drift[:, t, None]
        predicted[:, t] = observer.ask(on_item, course.discrimination[item], thresholds)
        observer.hear(course.response[:, t], is_blind=course.is_blind[:, t])
    return dict(zip(students, predicted, strict=True))


@dataclass(frozen=True, kw_only=True)
class _Course:
    """The items, and what was seen of every student at each step."""

    skills: NDArray[np.bool_]  # (I, S)
    discrimination: Floats  # (I,)
    thresholds: Floats  # (I, K-1)
    item: Integers  # (N, T)
    response: Integers  # (N, T)
    days_before: Floats  # (N, T), 0 within a session
    drift: Floats  # (N, T), logits
    is_blind: NDArray[np.bool_]  # (N, T)

    @classmethod
    def of(
        cls,
        config: SimulationConfig,
        items: Sequence[SimulatedItem],
        students: Mapping[str, Sequence[Interaction]],
    ) -> "_Course":
        index = {item.item_id: i for i, item in enumerate(items)}
        skill_ids = sorted({skill_id for item in items for skill_id in item.skill_ids})
        histories = list(students.values())
        item = np.array([[index[answer.item_id] for answer in history] for history in histories])
        elapsed = np.array([[answer.elapsed_seconds for answer in history] for history in histories])
        given = np.array([[_seconds(answer, config) for answer in history] for history in histories])
        begun = given - elapsed
        session = np.array([[answer.session_id for answer in history] for history in histories])
        days = np.zeros_like(begun)
        is_new = session[:, 1:] != session[:, :-1]
        days[:, 1:] = np.where(is_new, (begun[:, 1:] - given[:, :-1]) / SECONDS_PER_DAY, 0)
        is_late = begun >= config.drift_after_days * SECONDS_PER_DAY
        drifting = np.array([item.is_drifting for item in items])
        return cls(
            skills=np.array([[skill_id in item.skill_ids for skill_id in skill_ids] for item in items]),
            discrimination=np.array([item.discrimination for item in items]),
            thresholds=np.array([item.thresholds for item in items]),
            item=item,
            response=np.array([[answer.response for answer in history] for history in histories]),
            days_before=days,
            drift=np.where(drifting[item] & is_late, config.drift, 0.0),
            is_blind=elapsed <= LONGEST_BLIND_SECONDS,
        )


def _seconds(answer: Interaction, config: SimulationConfig) -> float:
    assert answer.answered_at is not None
    return (answer.answered_at - config.start).total_seconds()


class _Observer:
    """What is believed of N students: Gaussian abilities, what practice added, and the odds of gaming."""

    def __init__(self, config: SimulationConfig, num_students: int) -> None:
        self._config = config
        num_skills = config.num_skills
        of_group = -config.group_gap * np.arange(len(config.groups))
        shared = of_group.var() + SPREAD_OF_TALENT**2
        covariance = np.full((num_skills, num_skills), shared) + SPREAD_OF_SKILLS**2 * np.eye(num_skills)
        self._mean = np.full((num_students, num_skills), of_group.mean())
        self._covariance = np.tile(covariance, (num_students, 1, 1))
        self._gain = np.zeros((num_students, num_skills))
        self._gaming = np.full(num_students, config.gaming_share)
        self._points, weights = hermegauss(QUADRATURE_POINTS)
        self._weights = weights / weights.sum()
        self._blind = gaming_probabilities(config.num_categories)

    def rest(self, days: Floats) -> None:
        self._gain *= (0.5 ** (days / self._config.half_life_days))[:, None]

    def ask(self, on_item: NDArray[np.bool_], discrimination: Floats, thresholds: Floats) -> Floats:
        """Return the category probabilities (N, K) of one item per student."""
        direction = on_item / on_item.sum(axis=1, keepdims=True)  # (N, S)
        mean = ((self._mean + self._gain) * direction).sum(axis=1)
        towards = np.einsum("nij,nj->ni", self._covariance, direction)  # (N, S)
        spread = np.sqrt((towards * direction).sum(axis=1))
        abilities = mean[:, None] + spread[:, None] * self._points  # (N, Q)
        self._honest = np.stack(
            [
                answer_probabilities(
                    ability,
                    discrimination,
                    thresholds,
                    guessing=self._config.guessing,
                    slipping=self._config.slipping,
                )
                for ability in abilities.T
            ],
            axis=1,
        )  # (N, Q, K)
        self._on_item, self._step = on_item, towards / spread[:, None]
        games = (self._gaming * self._config.gaming_rate)[:, None]
        return (1 - games) * np.einsum("nqk,q->nk", self._honest, self._weights) + games * self._blind

    def hear(self, response: Integers, *, is_blind: NDArray[np.bool_]) -> None:
        """Learn from the answers to what was asked last; a blind one says only that its student games."""
        tilted = self._honest[np.arange(len(response)), :, response] * self._weights  # (N, Q)
        tilted /= tilted.sum(axis=1, keepdims=True)
        mean = tilted @ self._points
        variance = tilted @ self._points**2 - mean**2
        mean[is_blind], variance[is_blind] = 0.0, 1.0
        self._mean += self._step * mean[:, None]
        self._covariance += np.einsum("ni,nj,n->nij", self._step, self._step, variance - 1)
        practised = self._on_item & ~is_blind[:, None]
        self._gain += self._config.growth * (self._config.headroom - self._gain) * practised
        honest = self._gaming * (1 - self._config.gaming_rate)
        certain = np.ones_like(honest)
        self._gaming = np.divide(honest, honest + 1 - self._gaming, out=certain, where=~is_blind)
