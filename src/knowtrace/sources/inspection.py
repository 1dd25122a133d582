"""What a person wants to know about a source before trusting it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from knowtrace.domain import Quarantined
from knowtrace.sources.contamination import Contamination, find_contamination
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.gathering import DUPLICATE
from knowtrace.sources.item_counts import ItemCounts, count_items
from knowtrace.sources.obstacles import training_obstacles
from knowtrace.sources.suspicions import Suspicion, find_suspicions


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """How a count is spread: minimum, quarters, the 95th hundredth, maximum; and the mean."""

    minimum: float
    lower_quarter: float
    median: float
    upper_quarter: float
    hundredth_95: float
    maximum: float
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRule:
    """How many rows broke one rule, and the first of them."""

    rule: str
    count: int
    first: Quarantined


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """The facts of a source. `category_shares` are of all answers; `splits` counts each part's students.

    `obstacles` are sentences that say why training cannot start; empty when it can.
    """

    name: str
    format: str
    num_students: int
    num_items: int
    num_skills: int
    num_interactions: int
    num_categories: int
    num_merged: int
    num_duplicates: int
    num_quarantined: int
    broken_rules: Sequence[BrokenRule]
    first_answered_at: datetime | None
    last_answered_at: datetime | None
    category_counts: Sequence[int]
    category_shares: Sequence[float]
    mean_score: float
    answers_per_student: Quantiles
    answers_per_item: Quantiles
    skills_per_item: Quantiles
    splits: Mapping[str, int]
    notes: Sequence[str]
    contamination: Contamination
    suspicions: Sequence[Suspicion]
    obstacles: Sequence[str]


def inspect(dataset: Dataset) -> Inspection:
    """Count, measure and question a dataset. `mean_score` is the mean response over K - 1, in [0, 1]."""
    answers = [answer for history in dataset.students.values() for answer in history]
    items = count_items(dataset)
    times = [answer.answered_at for answer in answers if answer.answered_at is not None]
    shares = dataset.category_counts / len(answers)
    contamination = find_contamination(dataset)
    return Inspection(
        name=dataset.name,
        format=dataset.format,
        num_students=len(dataset.students),
        num_items=len(items),
        num_skills=len({skill for item in items.values() for skills in item.skill_sets for skill in skills}),
        num_interactions=len(answers),
        num_categories=dataset.num_categories,
        num_merged=dataset.num_merged,
        num_duplicates=sum(row.rule == DUPLICATE for row in dataset.quarantined),
        num_quarantined=len(dataset.quarantined),
        broken_rules=_broken_rules(dataset.quarantined),
        first_answered_at=min(times, default=None),
        last_answered_at=max(times, default=None),
        category_counts=tuple(dataset.category_counts.tolist()),
        category_shares=tuple(shares.tolist()),
        mean_score=float(shares @ np.arange(len(shares)) / (len(shares) - 1)),
        answers_per_student=_quantiles([len(history) for history in dataset.students.values()]),
        answers_per_item=_quantiles([item.num_answers for item in items.values()]),
        skills_per_item=_quantiles([_num_skills(item) for item in items.values()]),
        splits=dict(sorted(Counter(dataset.splits.values()).items())),
        notes=tuple(dataset.notes),
        contamination=contamination,
        suspicions=find_suspicions(dataset, items, contamination),
        obstacles=tuple(training_obstacles(dataset)),
    )


def _num_skills(item: ItemCounts) -> int:
    return max(len(skills) for skills in item.skill_sets)


def _quantiles(values: Sequence[int]) -> Quantiles:
    low, lower, median, upper, high, top = np.quantile(values, [0, 0.25, 0.5, 0.75, 0.95, 1]).tolist()
    return Quantiles(
        minimum=low,
        lower_quarter=lower,
        median=median,
        upper_quarter=upper,
        hundredth_95=high,
        maximum=top,
        mean=float(np.mean(values)),
    )


def _broken_rules(rows: Sequence[Quarantined]) -> tuple[BrokenRule, ...]:
    firsts: dict[str, Quarantined] = {}
    for row in rows:
        firsts.setdefault(row.rule, row)
    counts = Counter(row.rule for row in rows)
    return tuple(BrokenRule(rule=rule, count=n, first=firsts[rule]) for rule, n in counts.most_common())
