"""Prerequisites that answers suggest: a person accepts them or does not.

Students who answered one of two skills and later began the other are compared with equally able ones: did those who
had mastered the first begin the second right more often? `docs/catalogue.md` has the formulas. "B needs A" is
suggested when

1. the Mantel-Haenszel log odds ratio of A and B, over tenths of the students' success on all other skills, is above
   what the bulk of pairs shows: general ability is never measured fully, so any two skills go together a little;
2. of students whose first answers to A and B differ, more had A right than B: to know B but not A is the exception;
3. both hold beyond chance: half of the false discovery rate is spent on each (Benjamini and Hochberg);
4. no third skill goes together with both A and B more than they do with one another (Margolin et al., BMC
   Bioinformatics 7, 2006): what both need, or what stands between them, is suggested instead.

An odds ratio has no direction: students who began B first count as well, and 2 alone says which skill needs which.
Answers say what goes together and in which order it is mastered. They do not say why, and an easy item is not a
prerequisite: hence the person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowtrace.catalogue.association import (
    LogOdds,
    discoverable_at,
    empirical_null,
    mantel_haenszel,
    upper_tail,
)
from knowtrace.catalogue.paired_answers import PairTables, pair_tables, skill_answers
from knowtrace.domain import Interaction
from knowtrace.errors import DataError

Numbers = NDArray[np.float64]
Claims = NDArray[np.bool_]

FEWEST_PAIRS = 20
"""Fewer pairs do not show what general ability leaves in any pair."""

NORMAL_95 = 1.6448536269514722
"""95 % of a standard normal lies below."""


@dataclass(frozen=True, kw_only=True)
class SuggestionRules:
    """When a prerequisite is suggested.

    At least `least_support` (10 or more) students answered one skill and later began the other; of all suggestions,
    at most `false_discovery_rate`, in (0, 1), are expected to be chance; the odds ratio beyond that of the bulk of
    pairs is tested against `least_odds_ratio`, at least 1. Raises: ValueError naming every setting out of its range.
    """

    least_support: int = 100
    false_discovery_rate: float = 0.05
    least_odds_ratio: float = 1.0

    def __post_init__(self) -> None:
        wrong: list[str] = []
        if self.least_support < 10:
            wrong.append(f"least_support ({self.least_support}) must be at least 10")
        if not 0 < self.false_discovery_rate < 1:
            wrong.append(f"false_discovery_rate ({self.false_discovery_rate}) must lie between 0 and 1")
        if not 1 <= self.least_odds_ratio < np.inf:
            wrong.append(f"least_odds_ratio ({self.least_odds_ratio}) must be at least 1 and finite")
        if wrong:
            raise ValueError(f"{'; '.join(wrong)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One suggested prerequisite: `skill` needs `needs`.

    `support` students answered one and later began the other, `num_in_order` of them `needs` first. `confidence` is 1
    less the smallest false discovery rate at which this is suggested. `odds_ratio` says how the odds of beginning one
    right rise with mastery of the other among equally able students, relative to the bulk of pairs; `odds_ratio_low` is
    its 95 % lower bound. `right_if_mastered` and `right_if_not` are the shares, in [0, 1], of those in order who began
    `skill` right, not adjusted for ability; None without such students.
    """

    skill: str
    needs: str
    support: int
    num_in_order: int
    confidence: float
    odds_ratio: float
    odds_ratio_low: float
    right_if_mastered: float | None
    right_if_not: float | None


@dataclass(frozen=True, kw_only=True)
class Suggestions:
    """What answers suggest, the surest first, and what was looked at.

    `baseline_odds_ratio` is the median of all pairs tested; `num_explained` counts pairs left to a third skill.
    """

    suggestions: tuple[Suggestion, ...]
    num_pairs_tested: int
    num_skills: int
    baseline_odds_ratio: float
    num_explained: int


def suggest_prerequisites(
    students: Mapping[str, Sequence[Interaction]],
    *,
    num_categories: int = 2,
    rules: SuggestionRules | None = None,
) -> Suggestions:
    """Return the prerequisites that answers suggest; an answer with at least half of the credit is right.

    Raises: DataError when fewer than FEWEST_PAIRS pairs of skills have enough students.
    """
    rules = rules or SuggestionRules()
    answers = skill_answers(students, num_categories)
    tables = pair_tables(answers, least_support=rules.least_support)
    num_pairs, num_skills = len(tables.one), len(answers.skill_ids)
    if num_pairs < FEWEST_PAIRS:
        raise DataError(
            f"{num_pairs} pairs of {num_skills} skills have {rules.least_support} students who answered one and later "
            f"the other: at least {FEWEST_PAIRS} are needed to tell a prerequisite from general ability. Give more "
            "answers, or ask for less support."
        )
    odds = mantel_haenszel(tables.begun.reshape(num_pairs, -1, 2, 2))
    null = empirical_null(odds)
    excess = LogOdds(value=odds.value - null.centre, error=np.sqrt(odds.error**2 + null.spread**2))
    order = _order_of_mastery(tables)
    rates = _false_discovery_rates(excess, order, rules)
    is_associated, is_found = ~np.isnan(rates[0]), ~np.isnan(rates[1])
    is_explained = is_found & _explained_by_a_third(tables, excess.value, is_associated, num_skills)
    found = np.flatnonzero(is_found & ~is_explained)
    surest_first = found[np.argsort(-(excess.value / excess.error)[found], kind="stable")]
    return Suggestions(
        suggestions=tuple(
            _suggestion(tables, p, bool(order[p] > 0), answers.skill_ids, float(rates[:, p].sum()), excess)
            for p in surest_first.tolist()
        ),
        num_pairs_tested=num_pairs,
        num_skills=num_skills,
        baseline_odds_ratio=float(np.exp(null.centre)),
        num_explained=int(is_explained.sum()),
    )


def _order_of_mastery(tables: PairTables) -> Numbers:
    """Return McNemar's z: students whose first answer was right to `one` only, against to `other` only, (P,)."""
    only_one, only_other = tables.first_answers[:, 1, 0], tables.first_answers[:, 0, 1]
    return (only_one - only_other) / np.sqrt(np.maximum(only_one + only_other, 1))


def _false_discovery_rates(excess: LogOdds, order: Numbers, rules: SuggestionRules) -> Numbers:
    """Return the rates at which a pair goes together, and at which its order is known, (2, P).

    NaN where that is not found at half the rate; the order is only looked for where the pair goes together.
    """
    half = rules.false_discovery_rate / 2
    rates = np.full((2, len(order)), np.nan)
    together = discoverable_at(upper_tail((excess.value - np.log(rules.least_odds_ratio)) / excess.error))
    rates[0] = np.where(together <= half, together, np.nan)
    candidates = np.flatnonzero(together <= half)
    directed = discoverable_at(2 * upper_tail(np.abs(order[candidates])))
    rates[1, candidates] = np.where(directed <= half, directed, np.nan)
    return rates


def _explained_by_a_third(
    tables: PairTables, strength: Numbers, is_associated: Claims, num_skills: int
) -> Claims:
    """Return whether a third skill goes together with both of a pair more than they do with one another, (P,)."""
    joint = np.full((num_skills, num_skills), -np.inf)
    joint[tables.one[is_associated], tables.other[is_associated]] = strength[is_associated]
    joint = np.maximum(joint, joint.T)  # (S, S)
    is_explained = np.zeros(len(strength), dtype=bool)
    for pair in np.flatnonzero(is_associated).tolist():
        weaker_links = np.minimum(joint[tables.one[pair]], joint[tables.other[pair]])  # (S,)
        is_explained[pair] = weaker_links.max() > strength[pair]
    return is_explained


def _suggestion(
    tables: PairTables,
    pair: int,
    one_is_needed: bool,
    skill_ids: tuple[str, ...],
    rate: float,
    excess: LogOdds,
) -> Suggestion:
    one, other = skill_ids[tables.one[pair]], skill_ids[tables.other[pair]]
    begun = tables.begun[pair].sum(axis=1)  # (2, 2, 2)
    in_order = begun[0] if one_is_needed else begun[1].T  # (2, 2): needed mastered, skill begun right
    sizes = in_order.sum(axis=1)
    shares = [float(in_order[k, 1] / sizes[k]) if sizes[k] else None for k in (0, 1)]
    value, error = float(excess.value[pair]), float(excess.error[pair])
    return Suggestion(
        skill=other if one_is_needed else one,
        needs=one if one_is_needed else other,
        support=int(tables.support[pair]),
        num_in_order=int(sizes.sum()),
        confidence=1 - rate,
        odds_ratio=float(np.exp(value)),
        odds_ratio_low=float(np.exp(value - NORMAL_95 * error)),
        right_if_mastered=shares[1],
        right_if_not=shares[0],
    )
