"""How the pages write numbers and times."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson
from markupsafe import Markup

NO_BREAK = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"

CLEARLY_HARDER = 0.5
"""Logits from the middle at which an item is called easy or hard: 62 % or 38 % of its credit is earned."""


def percent(share: float) -> str:
    return f"{share * 100:.0f}{NO_BREAK}%"


def points(change: float) -> str:
    """Write a change of a share in percentage points, with its sign."""
    rounded = round(change * 100)
    return (
        f"{signed(rounded, 0)}{NO_BREAK}{'point' if abs(rounded) == 1 else 'points'}"
        if rounded
        else "no change"
    )


def signed(number: float, digits: int) -> str:
    """Write a number with its sign, a real minus; what rounds to zero has none."""
    text = f"{abs(number):.{digits}f}"
    if float(text) == 0:
        return text
    return f"{'+' if number > 0 else MINUS}{text}"


def moment(at: datetime | None) -> str:
    return "—" if at is None else f"{at.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def hardness(difficulty: float | None) -> str:
    """Say in a word how hard an item is; the number is in logits."""
    if difficulty is None:
        return "difficulty not known"
    word = "medium"
    if abs(difficulty) >= CLEARLY_HARDER:
        word = "hard" if difficulty > 0 else "easy"
    return f"{word} ({signed(difficulty, 1)} logits)"


def for_script(data: Any) -> Markup:
    """Write JSON that may stand inside a script element: nothing in it can end the element."""
    text = orjson.dumps(data, option=orjson.OPT_UTC_Z).decode()
    return Markup(text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e"))  # noqa: S704


def in_path(text: str) -> str:
    """Write any id as one segment of a path."""
    return quote(text, safe="")
