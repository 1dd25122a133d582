"""Rule-based recommendations: items a student is expected to get right about 70 % of the time.

Never an item the student answered correctly in the last `recent_days`: it would be asked again for nothing.
Items not seen at all in that time come first; among equals, the closest to the target.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from knowtrace.domain import Recommendation

TIE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The success to aim at, how far from it still counts as near, and how long an answer counts as
    recent.
    """

    target_success: float = 0.70
    half_width: float = 0.10
    recent_days: int = 30

    def holds(self, expected_success: float) -> bool:
        return abs(expected_success - self.target_success) <= self.half_width + TIE


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An item of the skill, and what the student did with it in the last `recent_days`."""

    item_id: str
    expected_success: float
    difficulty: float | None
    was_seen: bool = False
    was_correct: bool = False


@dataclass(frozen=True, kw_only=True)
class Advice:
    """Recommendations, best first; how many candidates they were chosen from; and what else is to be said."""

    recommendations: list[Recommendation]
    num_candidates: int
    note: str | None = None


def recommend(
    candidates: Sequence[Candidate], *, rules: Rules, skill_name: str, num_answers: int, max_items: int
) -> Advice:
    """Choose at most `max_items` of the candidates; `num_answers` is the student's evidence in the skill."""
    fresh = [candidate for candidate in candidates if not candidate.was_correct]
    if not fresh:
        return Advice(recommendations=[], num_candidates=0, note=_why_none(candidates, rules, skill_name))
    ranked = sorted(fresh, key=lambda candidate: _rank(candidate, rules))
    is_any_near = rules.holds(ranked[0].expected_success)
    chosen = [
        Recommendation(
            item_id=candidate.item_id,
            expected_success=candidate.expected_success,
            difficulty=candidate.difficulty,
            reason=_reason(candidate, rules, skill_name, num_answers),
        )
        for candidate in ranked[:max_items]
    ]
    note = None if is_any_near else f"No item of {skill_name} lies {_band(rules)}; these are the nearest."
    return Advice(recommendations=chosen, num_candidates=len(fresh), note=note)


def _rank(candidate: Candidate, rules: Rules) -> tuple[bool, bool, float, str]:
    distance = abs(candidate.expected_success - rules.target_success)
    return (not rules.holds(candidate.expected_success), candidate.was_seen, distance, candidate.item_id)


def _reason(candidate: Candidate, rules: Rules, skill_name: str, num_answers: int) -> str:
    expected, target = _percent(candidate.expected_success), _percent(rules.target_success)
    if rules.holds(candidate.expected_success):
        closeness = f"close to the {target} at which practice teaches most"
    else:
        side = "above" if candidate.expected_success > rules.target_success else "below"
        closeness = f"{side} the {target} at which practice teaches most, and no better item is left"
    seen = f" It was last tried within {_days(rules)}, without full credit." if candidate.was_seen else ""
    return (
        f"You are expected to get this right {expected} of the time, {closeness}. "
        f"{_evidence(num_answers, skill_name)}{seen}"
    )


def _evidence(num_answers: int, skill_name: str) -> str:
    if num_answers == 0:
        return (
            f"You have not answered anything in {skill_name} yet: this is what students in general would do."
        )
    answers = "answer" if num_answers == 1 else "answers"
    return f"This rests on {num_answers} {answers} of yours in {skill_name}."


def _why_none(candidates: Sequence[Candidate], rules: Rules, skill_name: str) -> str:
    if not candidates:
        return f"The catalogue has no item of {skill_name}."
    return (
        f"Every item of {skill_name} was answered correctly within {_days(rules)}: "
        "none is worth asking again yet."
    )


def _band(rules: Rules) -> str:
    low, high = rules.target_success - rules.half_width, rules.target_success + rules.half_width
    return f"between {_percent(low)} and {_percent(high)} expected success"


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _days(rules: Rules) -> str:
    return f"the last {rules.recent_days} days"
