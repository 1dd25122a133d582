"""A share of full credit as a response category."""

TOLERANCE = 0.05
"""How far credit x (K - 1) may lie from a category: partial credit is often rounded to two decimals."""


def category_of(credit: float, steps: int) -> int | None:
    """Return the category 0..steps of a credit in [0, 1]; None where it lies between two of them."""
    category = round(credit * steps)
    return category if abs(credit * steps - category) <= TOLERANCE else None
