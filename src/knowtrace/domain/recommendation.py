"""The next item worth asking, and why."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One item to ask next: `expected_success` in [0, 1], `difficulty` in logits, the reason in words."""

    item_id: str
    expected_success: float
    difficulty: float | None
    reason: str
