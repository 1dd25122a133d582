"""A trained model as a filter over a student's state: one answer in, one state out, at constant cost.

Nothing here knows which model it is: a run's steps are all there is. torch is not imported.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from knowtrace.domain import (
    UNKNOWN_TIME,
    Interaction,
    Mastery,
    MasteryState,
    Vocabulary,
    lag_to_asking,
    mastery_state,
)
from knowtrace.errors import ModelError, NotFoundError
from knowtrace.registry import Panels, PlainRun, Run
from knowtrace.spans import span
from knowtrace.tracing.student import SkillEvidence, State, StudentState
from knowtrace.tracing.threads import Threads, check_asker

FEW_SKILLS = 8
"""Up to so many skills, intervals are cheaper looked up one by one than as arrays."""

MOST_KEPT_PANELS = 10_000

NO_EVIDENCE = SkillEvidence(0, None, was_mastered=False)
NO_ESTIMATES: NDArray[np.float64] = np.empty(0)


class Heard(NamedTuple):
    """An answer's item and its skills as indices, the known skills it touches, and the items that stand for those."""

    skill_ids: tuple[str, ...]
    item: int
    skills: list[int]
    touched: tuple[str, ...]
    asked: Panels | None


class Questions(NamedTuple):
    """Items to ask about, as indices: items (N,) and a padded row of each one's skills (N, S)."""

    items: NDArray[np.int64]
    skills: NDArray[np.int64]


class FailingAsOurs:
    """Turns whatever a model's runtime raises into a ModelError: who serves it has another to ask."""

    def __init__(self, version: str) -> None:
        self._version = version

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            raise ModelError(f"Model {self._version} failed ({type(error).__name__}: {error}).") from error


class Tracer:
    """Observes answers and predicts responses with the steps of one run.

    Safe to share between threads: it holds no student. Every call that asks the model raises ModelError where it fails
    or gives numbers that are not finite.
    """

    def __init__(self, run: Run | PlainRun) -> None:
        self.version = run.version
        self.name = run.name
        self.vocabulary: Vocabulary = run.vocabulary
        self.intervals = run.intervals
        self._steps = run.steps()
        self._start: State = run.initial_state
        self._panels = run.panels
        self._positions = {skill_id: p for p, skill_id in enumerate(self.vocabulary.skill_ids)}
        self._kept: dict[tuple[str, ...], Panels] = {}
        self._by_skill: dict[str, Questions] = {}
        self._of_anybody: list[Mastery] | None = None
        # As many as the vocabulary has items: what an answer with the catalogue's skills is to the model.
        self._heard: dict[str, Heard] = {}
        self._failing_as_ours = FailingAsOurs(run.version)
        self.threads = Threads(run.version)
        num_categories = self.vocabulary.num_categories
        self._score = np.linspace(0, 1, num_categories, dtype=np.float32)

    def start(self) -> StudentState:
        """Return the state of a student of whom nothing is known."""
        return StudentState(vector=self._start)

    def skills_of(self, item_id: str, skill_ids: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the skills an answer to an item touches, each once: those given, else those of the catalogue."""
        return self.vocabulary.skills_of(item_id, skill_ids)

    def observe(self, student: StudentState, interaction: Interaction) -> StudentState:
        """Return the student's state after one more answer; cost does not depend on the history's length."""
        return self.answer(student, interaction)[0]

    def answer(self, student: StudentState, interaction: Interaction) -> tuple[StudentState, list[Mastery]]:
        """Return the state after one more answer, and the new mastery of the known skills it touches."""
        at = interaction.answered_at
        heard = self._hear(interaction)
        touched = heard.touched
        vector, estimates = self._step(student, interaction, heard)
        skills = dict(student.skills)
        for skill_id in touched:
            before = skills.get(skill_id, NO_EVIDENCE)
            skills[skill_id] = SkillEvidence(before.num_answers + 1, at, before.was_mastered)
        after = StudentState(
            vector=vector, num_answers=student.num_answers + 1, last_answered_at=at, skills=skills
        )
        masteries = self._masteries(after, touched, estimates)
        for mastery in masteries:
            if mastery.state is MasteryState.MASTERED:
                skills[mastery.skill_id] = skills[mastery.skill_id]._replace(was_mastered=True)
        return after, masteries

    def replay(self, interactions: Iterable[Interaction]) -> StudentState:
        """Return the state after a whole history, from nothing."""
        student = self.start()
        for interaction in interactions:
            check_asker()
            student = self.observe(student, interaction)
        return student

    def probabilities(
        self,
        student: StudentState,
        questions: Sequence[tuple[str, Sequence[str]]],
        *,
        at: datetime | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each response category, (N, K), for items given as (item_id, skill_ids).

        Empty `skill_ids` mean the catalogue's. An item that training did not see is answered as an unseen item
        of its skills. `at` is when they are asked; without it, right after the last answer.
        """
        return self._ask(student, self._questions(questions), at)

    def expected_success(
        self, student: StudentState, questions: Sequence[tuple[str, Sequence[str]]]
    ) -> NDArray[np.float32]:
        """Return the expected score of each item as a share of full credit, (N,) in [0, 1]."""
        return self.probabilities(student, questions) @ self._score

    def expected_success_in(self, student: StudentState, skill_id: str) -> NDArray[np.float32]:
        """Return the expected score of each item that the vocabulary has of a skill, in its order.

        Raises:
            NotFoundError: the skill is not in the run's vocabulary.
        """
        questions = self._by_skill.get(skill_id)
        if questions is None:
            self._position(skill_id)
            items = self.vocabulary.items_by_skill[skill_id]
            questions = self._questions([(item.item_id, item.skill_ids) for item in items])
            self._by_skill[skill_id] = questions
        return self._ask(student, questions, None) @ self._score

    def mastery(self, student: StudentState, skill_ids: Sequence[str] | None = None) -> list[Mastery]:
        """Return the mastery of the named skills, or of every skill the model knows.

        Raises:
            NotFoundError: a skill is not in the run's vocabulary.
        """
        if skill_ids is None:
            if student.num_answers:
                return self._mastery_of_all(student)
            # The same for everybody of whom nothing is known, and the dearest question there is.
            if self._of_anybody is None:
                self._of_anybody = self._mastery_of_all(self.start())
            return list(self._of_anybody)
        if not skill_ids:
            return []
        asked = self._joined(tuple(skill_ids))
        lag = self._lag_of_asking(student.last_answered_at, None)
        with span("model.mastery", skills=len(skill_ids)), self._failing_as_ours:
            probabilities = self._steps.predict(student.vector, asked.items, asked.skills, lag=lag)
            _check(probabilities)
        return self._masteries(student, skill_ids, asked.means(probabilities @ self._score))

    def _mastery_of_all(self, student: StudentState) -> list[Mastery]:
        skill_ids = self.vocabulary.skill_ids
        if not skill_ids:
            return []
        lag = self._lag_of_asking(student.last_answered_at, None)
        with span("model.mastery"), self._failing_as_ours:
            probabilities = self._steps.mastery(student.vector, lag=lag)
            _check(probabilities)
        return self._masteries(student, skill_ids, self._panels.means(probabilities @ self._score))

    def num_calibrated(self, skill_id: str) -> int:
        """Return how many items of the skill have enough training answers to stand for it."""
        return int(self._panels.num_calibrated[self._position(skill_id)])

    def _questions(self, asked: Sequence[tuple[str, Sequence[str]]]) -> Questions:
        return Questions(
            np.array([self.vocabulary.item_index(item_id) for item_id, _ in asked], dtype=np.int64),
            np.array(
                [self.vocabulary.skill_row(self.skills_of(*question)) for question in asked], dtype=np.int64
            ),
        )

    def _ask(self, student: StudentState, questions: Questions, at: datetime | None) -> NDArray[np.float32]:
        if not len(questions.items):
            return np.empty((0, self.vocabulary.num_categories), dtype=np.float32)
        lag = self._lag_of_asking(student.last_answered_at, at)
        with span("model.predict", questions=len(questions.items)), self._failing_as_ours:
            found = self._steps.predict(student.vector, questions.items, questions.skills, lag=lag)
            _check(found)
        return found

    def _step(
        self,
        student: StudentState,
        interaction: Interaction,
        heard: "Heard",
    ) -> tuple[State, NDArray[np.float64]]:
        """Return the model's state after an answer, and its estimate of each touched skill."""
        answered = student.vector, heard.item, heard.skills, interaction.response
        lag = UNKNOWN_TIME
        if self.vocabulary.has_lags:
            lag = lag_to_asking(
                student.last_answered_at, interaction.answered_at, interaction.elapsed_seconds
            )
        seconds = interaction.elapsed_seconds if self.vocabulary.has_elapsed else None
        elapsed = UNKNOWN_TIME if seconds is None else seconds
        asked = heard.asked
        with self._failing_as_ours:
            if asked is None:
                vector = self._steps.observe(*answered, lag=lag, elapsed=elapsed)
                _check(vector)
                return vector, NO_ESTIMATES
            vector, probabilities = self._steps.answer(
                *answered,
                asked=asked,
                lag=lag,
                elapsed=elapsed,
                asked_lag=self._lag_of_asking(interaction.answered_at, None),
            )
            # They are made of the state: where it is not finite, they are not.
            _check(probabilities)
        return vector, asked.means(probabilities @ self._score)

    def _hear(self, interaction: Interaction) -> "Heard":
        """Return an answer in the model's own terms, kept for the next one to the same item."""
        item_id, given = interaction.item_id, interaction.skill_ids
        kept = self._heard.get(item_id)
        if kept is not None and (not given or given == kept.skill_ids):
            return kept
        skill_ids = self.skills_of(item_id, given)
        touched = tuple(skill_id for skill_id in skill_ids if skill_id in self._positions)
        heard = Heard(
            skill_ids,
            self.vocabulary.item_index(item_id),
            self.vocabulary.skill_row(skill_ids),
            touched,
            self._joined(touched) if touched else None,
        )
        if skill_ids == self.skills_of(item_id) and self.vocabulary.item(item_id) is not None:
            self._heard[item_id] = heard
        return heard

    def _masteries(
        self, student: StudentState, skill_ids: Sequence[str], estimates: NDArray[np.float64]
    ) -> list[Mastery]:
        if not skill_ids:
            return []
        known = [student.skills.get(skill_id, NO_EVIDENCE) for skill_id in skill_ids]
        num_answers, last_answered_at, was_mastered = zip(*known, strict=True)
        values = estimates.tolist()
        if len(values) <= FEW_SKILLS:
            bounds = [
                self.intervals.bounds_of_one(value, count)
                for value, count in zip(values, num_answers, strict=True)
            ]
            low, high = zip(*bounds, strict=True)
        else:
            low, high = (bound.tolist() for bound in self.intervals.bounds(estimates, num_answers))
        states = [
            mastery_state(value, count, was_mastered=was)
            for value, count, was in zip(values, num_answers, was_mastered, strict=True)
        ]
        # In the order of its fields: by name, making them would take twice as long.
        return list(map(Mastery, skill_ids, values, low, high, num_answers, last_answered_at, states))

    def _lag_of_asking(self, last: datetime | None, at: datetime | None) -> float:
        """Return the seconds from the last answer to a moment, 0 without a moment.

        UNKNOWN_TIME if there was no answer, or if the model has learnt without times.
        """
        if last is None or not self.vocabulary.has_lags:
            return UNKNOWN_TIME
        # Asked at this very moment: nothing of the lag is time spent on the item. Where training could not tell the
        # two apart, it has never seen a short lag, and neither does the model here.
        spent = 0.0 if self.vocabulary.has_elapsed else None
        return 0.0 if at is None else lag_to_asking(last, at, spent)

    def _joined(self, skill_ids: tuple[str, ...]) -> Panels:
        """Return the panels of some skills end to end, kept for the next answer that touches the same skills."""
        joined = self._kept.get(skill_ids)
        if joined is None:
            joined = self._panels.take([self._position(skill_id) for skill_id in skill_ids])
            if len(skill_ids) <= FEW_SKILLS and len(self._kept) < MOST_KEPT_PANELS:
                self._kept[skill_ids] = joined
        return joined

    def _position(self, skill_id: str) -> int:
        try:
            return self._positions[skill_id]
        except KeyError:
            raise NotFoundError(
                f"Skill {skill_id!r} is not known to model {self.version}. "
                "GET /api/v1/mastery/{student_id} without `skill` lists the known ones."
            ) from None


def _check(numbers: NDArray[np.float32]) -> None:
    # One sum: what is not finite stays so in it, and a look at every number would cost three times as much.
    if not math.isfinite(float(numbers.sum())):
        raise ArithmeticError("numbers that are not finite")
