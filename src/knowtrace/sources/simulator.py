"""Students with a known truth: what a model should find out, and the best any model could predict.

Students have an ability per skill. It grows with every answer in the skill, up to a ceiling of their own, and
what was gained fades between sessions. Items are 2PL, 3PL (`guessing` > 0), 4PL (`slipping` > 0) or, with more than
two categories, GPCM; most have one skill, some two (the ability is then the mean of both). Gaming students answer
most items within seconds, near chance. Drifting items change their difficulty on one date.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from knowtrace.domain import Interaction
from knowtrace.sources.dataset import Dataset

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SECONDS_PER_DAY = 86_400.0
SPREAD_OF_TALENT = 0.8
SPREAD_OF_SKILLS = 0.6
"""Standard deviations in logits: of students in all skills together, and of a student's skills around that."""
LONGEST_BLIND_SECONDS = 3.5


@dataclass(frozen=True, kw_only=True)
class SimulationConfig:
    """How many of everything, and how strong every effect is. Abilities and difficulties are in logits.

    `guessing` is the 3PL floor of binary items, 1 - `slipping` their 4PL ceiling; both are 0 for graded ones.
    `growth` is the share of the way to the ceiling (`headroom` above where the student started) that one answer
    covers; `half_life_days` is when half of the gain has faded. `drift` is added to the difficulty of drifting items
    from `drift_after_days` on.
    Raises: ValueError naming every value out of range.
    """

    num_students: int = 500
    num_answers: int = 60
    num_items: int = 200
    num_skills: int = 10
    num_categories: int = 2
    guessing: float = 0.0
    slipping: float = 0.0
    two_skill_share: float = 0.15
    growth: float = 0.06
    headroom: float = 2.0
    half_life_days: float = 30.0
    gaming_share: float = 0.05
    gaming_rate: float = 0.8
    drifting_share: float = 0.05
    drift: float = 1.5
    drift_after_days: float = 20.0
    groups: tuple[str, ...] = ("A", "B")
    group_gap: float = 0.3
    answers_per_session: float = 12.0
    days_between_sessions: float = 3.0
    median_elapsed_seconds: float = 25.0
    start: datetime = datetime(2024, 1, 8, 8, tzinfo=UTC)

    def __post_init__(self) -> None:
        counts = ("num_students", "num_answers", "num_items", "num_skills", "answers_per_session")
        chances = ("guessing", "slipping")
        shares = (*chances, "two_skill_share", "growth", "gaming_share", "gaming_rate", "drifting_share")
        positive = ("half_life_days", "days_between_sessions", "median_elapsed_seconds")
        value = self.__getattribute__
        problems = [f"{name} ({value(name)}) must be at least 1" for name in counts if value(name) < 1]
        problems += [
            f"{name} ({value(name)}) must lie in [0, 1]" for name in shares if not 0 <= value(name) <= 1
        ]
        problems += [f"{name} ({value(name)}) must be positive" for name in positive if not value(name) > 0]
        if self.num_categories < 2:
            problems.append(f"num_categories ({self.num_categories}) must be at least 2")
        if self.num_items < self.num_skills:
            problems.append(f"num_items ({self.num_items}) must be at least num_skills ({self.num_skills})")
        if self.num_categories > 2:
            problems += [
                f"{name} ({value(name)}) must be 0 for {self.num_categories} categories"
                for name in chances
                if value(name) > 0
            ]
        if self.guessing + self.slipping > 1:
            problems.append(
                f"guessing ({self.guessing}) and slipping ({self.slipping}) must sum to at most 1"
            )
        if not self.groups:
            problems.append("groups must name at least one group")
        if self.start.tzinfo is None:
            problems.append(f"start ({self.start}) must have a time zone")
        if problems:
            raise ValueError("; ".join(problems) + ".")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedItem:
    """`thresholds` are the K-1 step difficulties before any drift."""

    item_id: str
    skill_ids: tuple[str, ...]
    discrimination: float
    thresholds: tuple[float, ...]
    guessing: float
    slipping: float
    is_drifting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedStudent:
    """Abilities per skill, in the order of the skills' ids: before the first answer and after the last."""

    student_id: str
    group: str
    is_gaming: bool
    first_ability: tuple[float, ...]
    last_ability: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The answers, with their oracle, and the truth they were drawn from."""

    config: SimulationConfig
    seed: int
    dataset: Dataset
    items: tuple[SimulatedItem, ...]
    students: tuple[SimulatedStudent, ...]


def simulate(config: SimulationConfig, seed: int) -> Simulation:
    """Simulate every student's answers. The same config and seed give the same simulation, bit by bit."""
    rng = np.random.default_rng(seed)
    items = _draw_items(config, rng)
    group = rng.integers(len(config.groups), size=config.num_students)  # (N,)
    is_gaming = rng.random(config.num_students) < config.gaming_share  # (N,)
    talent = rng.normal(-config.group_gap * group, SPREAD_OF_TALENT)  # (N,)
    first = talent[:, None] + rng.normal(
        0, SPREAD_OF_SKILLS, (config.num_students, config.num_skills)
    )  # (N, S)
    course = _answer_all(config, rng, items, first, is_gaming)

    item_ids = _names("item", config.num_items)
    skill_ids = _names("skill", config.num_skills)
    student_ids = _names("student", config.num_students)
    skills_of_item = [tuple(skill_ids[s] for s in np.flatnonzero(row)) for row in items.skills]
    return Simulation(
        config=config,
        seed=seed,
        dataset=_dataset(
            course,
            config=config,
            seed=seed,
            student_ids=student_ids,
            item_ids=item_ids,
            skills_of_item=skills_of_item,
        ),
        items=tuple(
            SimulatedItem(
                item_id=item_id,
                skill_ids=skills_of_item[i],
                discrimination=float(items.discrimination[i]),
                thresholds=tuple(items.thresholds[i].tolist()),
                guessing=config.guessing,
                slipping=config.slipping,
                is_drifting=bool(items.is_drifting[i]),
            )
            for i, item_id in enumerate(item_ids)
        ),
        students=tuple(
            SimulatedStudent(
                student_id=student_id,
                group=config.groups[group[n]],
                is_gaming=bool(is_gaming[n]),
                first_ability=tuple(first[n].tolist()),
                last_ability=tuple(course.last_ability[n].tolist()),
            )
            for n, student_id in enumerate(student_ids)
        ),
    )


def gpcm_probabilities(ability: Floats, discrimination: Floats, thresholds: Floats) -> Floats:
    """Generalized partial credit model (Muraki, 1992); with one threshold it is the 2PL.

    ability, discrimination: (N,);  thresholds: (N, K-1).  Returns (N, K), rows that sum to 1.
    """
    steps = discrimination[:, None] * (ability[:, None] - thresholds)  # (N, K-1)
    logits = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1)  # (N, K)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def answer_probabilities(
    ability: Floats, discrimination: Floats, thresholds: Floats, *, guessing: float, slipping: float
) -> Floats:
    """Return (N, K) of honest answers: `gpcm_probabilities`, for binary items from `guessing` to 1 - `slipping`."""
    probabilities = gpcm_probabilities(ability, discrimination, thresholds)
    if guessing or slipping:
        probabilities = probabilities * (1 - guessing - slipping) + np.array([slipping, guessing])
    return probabilities


def gaming_probabilities(num_categories: int) -> Floats:
    """A blind answer: right once in four; graded, every further category half as likely as the one before."""
    if num_categories == 2:
        return np.array([0.75, 0.25])
    weights = 0.5 ** np.arange(num_categories)
    return weights / weights.sum()


@dataclass(frozen=True, kw_only=True)
class _Items:
    skills: NDArray[np.bool_]  # (I, S)
    discrimination: Floats  # (I,)
    thresholds: Floats  # (I, K-1)
    is_drifting: NDArray[np.bool_]  # (I,)


@dataclass(frozen=True, kw_only=True)
class _Course:
    """What happened, by student and step."""

    item: Integers  # (N, T)
    response: Integers  # (N, T)
    probabilities: Floats  # (N, T, K)
    seconds: Integers  # (N, T), since the start
    elapsed: Floats  # (N, T)
    session: Integers  # (N, T)
    last_ability: Floats  # (N, S)


def _draw_items(config: SimulationConfig, rng: Generator) -> _Items:
    count, num_skills = config.num_items, config.num_skills
    main_skill = np.arange(count) % num_skills
    skills = np.zeros((count, num_skills), dtype=np.bool_)
    skills[np.arange(count), main_skill] = True
    if num_skills > 1:
        second = (main_skill + rng.integers(1, num_skills, count)) % num_skills
        has_two = rng.random(count) < config.two_skill_share
        skills[np.flatnonzero(has_two), second[has_two]] = True
    difficulty = rng.normal(0, 1, count)
    steps = np.sort(rng.normal(0, 0.8, (count, config.num_categories - 1)), axis=1)
    steps -= steps.mean(axis=1, keepdims=True)
    return _Items(
        skills=skills,
        discrimination=rng.lognormal(0, 0.3, count),
        thresholds=difficulty[:, None] + steps,
        is_drifting=rng.random(count) < config.drifting_share,
    )


def _answer_all(
    config: SimulationConfig, rng: Generator, items: _Items, first: Floats, is_gaming: NDArray[np.bool_]
) -> _Course:
    """Let all students answer step by step; step t of every student at once."""
    num_students, num_steps = config.num_students, config.num_answers
    everyone = np.arange(num_students)
    items_of_skill = [np.flatnonzero(items.skills[:, s]) for s in range(config.num_skills)]
    ability = first.copy()
    clock = rng.uniform(0, config.days_between_sessions * SECONDS_PER_DAY, num_students)
    session = np.zeros(num_students, dtype=np.int64)
    skill = rng.integers(config.num_skills, size=num_students)
    pace = rng.lognormal(0, 0.3, num_students)
    blind = gaming_probabilities(config.num_categories)
    shape = (num_students, num_steps)
    course = _Course(
        item=np.zeros(shape, dtype=np.int64),
        response=np.zeros(shape, dtype=np.int64),
        probabilities=np.zeros((*shape, config.num_categories)),
        seconds=np.zeros(shape, dtype=np.int64),
        elapsed=np.zeros(shape),
        session=np.zeros(shape, dtype=np.int64),
        last_ability=ability,
    )
    for t in range(num_steps):
        begins = (rng.random(num_students) < 1 / config.answers_per_session) & (t > 0)
        days = np.where(begins, rng.lognormal(np.log(config.days_between_sessions), 0.7, num_students), 0)
        clock += days * SECONDS_PER_DAY
        session += begins
        ability += (first - ability) * (1 - 0.5 ** (days / config.half_life_days))[:, None]

        moves_on = begins | (rng.random(num_students) < 0.2)
        skill = np.where(moves_on, rng.integers(config.num_skills, size=num_students), skill)
        pools = (items_of_skill[s] for s in skill)
        draws = rng.random(num_students)
        item = np.array([pool[int(u * len(pool))] for pool, u in zip(pools, draws, strict=True)])

        is_after_drift = clock >= config.drift_after_days * SECONDS_PER_DAY
        shift = np.where(items.is_drifting[item] & is_after_drift, config.drift, 0)
        on_item = items.skills[item]  # (N, S)
        theta = (ability * on_item).sum(axis=1) / on_item.sum(axis=1)
        thresholds = items.thresholds[item] + shift[:, None]
        honest = answer_probabilities(
            theta,
            items.discrimination[item],
            thresholds,
            guessing=config.guessing,
            slipping=config.slipping,
        )  # (N, K)
        games = is_gaming & (rng.random(num_students) < config.gaming_rate)
        probabilities = np.where(games[:, None], blind, honest)
        below = np.cumsum(probabilities, axis=1)[:, :-1]
        response = (rng.random(num_students)[:, None] >= below).sum(axis=1)

        effort = pace * np.exp(0.15 * (thresholds.mean(axis=1) - theta))
        elapsed = config.median_elapsed_seconds * effort * rng.lognormal(0, 0.5, num_students)
        elapsed = np.where(
            games, rng.uniform(0.8, LONGEST_BLIND_SECONDS, num_students), np.clip(elapsed, 4, 900)
        ).round(1)
        clock += elapsed + rng.uniform(1, 8, num_students)

        course.item[everyone, t] = item
        course.response[:, t] = response
        course.probabilities[:, t] = probabilities
        course.seconds[:, t] = np.ceil(clock)
        course.elapsed[:, t] = elapsed
        course.session[:, t] = session
        ability += config.growth * (first + config.headroom - ability) * (on_item & ~games[:, None])
    return course


def _dataset(
    course: _Course,
    *,
    config: SimulationConfig,
    seed: int,
    student_ids: list[str],
    item_ids: list[str],
    skills_of_item: list[tuple[str, ...]],
) -> Dataset:
    students: dict[str, list[Interaction]] = {}
    for n, student_id in enumerate(student_ids):
        steps = zip(
            course.item[n].tolist(),
            course.response[n].tolist(),
            course.seconds[n].tolist(),
            course.elapsed[n].tolist(),
            course.session[n].tolist(),
            strict=True,
        )
        students[student_id] = [
            Interaction(
                student_id=student_id,
                item_id=item_ids[item],
                skill_ids=skills_of_item[item],
                response=response,
                answered_at=config.start + timedelta(seconds=seconds),
                elapsed_seconds=elapsed,
                session_id=f"{student_id}-{session + 1}",
            )
            for item, response, seconds, elapsed, session in steps
        ]
    oracle: Mapping[str, Floats] = {s: course.probabilities[n] for n, s in enumerate(student_ids)}
    return Dataset(
        name=f"simulation-{seed}",
        format="simulation",
        students=students,
        num_categories=config.num_categories,
        oracle=oracle,
    )


def _names(kind: str, count: int) -> list[str]:
    """Return "item-001" … with as many digits as the count needs, so that they sort as they count."""
    width = len(str(count))
    return [f"{kind}-{i:0{width}}" for i in range(1, count + 1)]
