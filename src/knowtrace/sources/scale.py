"""Responses as they are written into categories 0..K-1: ordered integers, or partial credit r / (K - 1)."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from knowtrace.errors import DataError
from knowtrace.standards.credit import category_of

Responses = Literal["ordered", "partial-credit"]

MAX_INFERRED_CATEGORIES = 10
"""Without `categories`, a larger response is taken for a typing error, not for an eleventh category."""

MAX_CATEGORIES = 100
"""More belong to a measurement, not to a graded answer; every table is as wide as there are categories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The category of each text that is a response; any other text breaks `rule`."""

    categories: Mapping[str, int]
    num_categories: int
    rule: str
    notes: tuple[str, ...] = ()


def decide_scale(
    texts: Iterable[str], *, responses: Responses | None, categories: int | None, is_binary: bool
) -> Scale:
    """Decide what the distinct response texts of one source mean.

    Without `responses`, decimals mean partial credit, unless all of them are whole and one exceeds 1 (a
    spreadsheet's way to write integers). `is_binary` says that whole numbers here are right or wrong.
    Raises: DataError when the credits fit no number of categories.
    """
    numbers = {text: number for text in texts if (number := _number(text)) is not None}
    decimals = [number for text, number in numbers.items() if "." in text]
    notes: list[str] = []
    if responses is None:
        whole = all(number == int(number) for number in decimals) and max(decimals, default=0) > 1
        responses = "partial-credit" if decimals and not whole else "ordered"
        if decimals:
            notes.append(f"Responses have decimals and were read as {responses}; responses= overrules.")
    if responses == "ordered":
        return _ordered(numbers, categories or (2 if is_binary else None), notes)
    return _partial_credit(numbers, categories or (2 if is_binary and not decimals else None), notes)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _ordered(numbers: Mapping[str, float], categories: int | None, notes: list[str]) -> Scale:
    limit = categories or MAX_INFERRED_CATEGORIES
    known = {t: int(n) for t, n in numbers.items() if n == int(n) and 0 <= n < limit}
    num_categories = categories or max(2, 1 + max(known.values(), default=1))
    if categories is None and num_categories > 2:
        notes.append(f"K = {num_categories} categories, from the largest response; categories= overrules.")
    rule = f"a response is an integer from 0 to {limit - 1}"
    return Scale(categories=known, num_categories=num_categories, rule=rule, notes=tuple(notes))


def _partial_credit(numbers: Mapping[str, float], categories: int | None, notes: list[str]) -> Scale:
    credits = {text: number for text, number in numbers.items() if 0 <= number <= 1}
    steps = categories - 1 if categories else _fewest_steps(credits.values())
    if categories is None:
        notes.append(f"K = {steps + 1} categories, the fewest that fit the credits; categories= overrules.")
    found = {text: category_of(credit, steps) for text, credit in credits.items()}
    known = {text: category for text, category in found.items() if category is not None}
    rule = f"a partial credit is one of 0/{steps}, 1/{steps} … {steps}/{steps}"
    return Scale(categories=known, num_categories=steps + 1, rule=rule, notes=tuple(notes))


def _fewest_steps(credits: Iterable[float]) -> int:
    values = list(credits)
    for steps in range(1, MAX_INFERRED_CATEGORIES):
        if all(category_of(credit, steps) is not None for credit in values):
            return steps
    shown = ", ".join(f"{value:g}" for value in sorted(set(values))[:6])
    raise DataError(
        f"Partial credits ({shown} …) fit no K up to {MAX_INFERRED_CATEGORIES}: pass categories=K to say how "
        "many."
    )
