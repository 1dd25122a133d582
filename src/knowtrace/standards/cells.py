"""One cell of a table into one value of an interaction, or the rule it breaks."""

import math
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_2000 = 946_684_800
FIRST_MILLISECONDS = 100_000_000_000
"""From here on a number of a time is milliseconds: as seconds it would lie beyond the year 5000."""

MOST_DIGITS = 40
NOT_ELAPSED = "an elapsed time is a number"
NO_STUDENT = "every answer names its student"
NO_ITEM = "every answer names its item"
NEGATIVE_ELAPSED = "an elapsed time is not negative"

LONGEST_ANSWER_SECONDS = 86_400.0
"""A day. Beyond it, the clock ran while nobody answered: the answer stands, its elapsed time is unknown."""


class BadCellError(Exception):
    """A cell breaks a rule; its row goes to quarantine."""

    def __init__(self, column: str, value: str, rule: str) -> None:
        super().__init__(rule)
        self.column = column
        self.value = value
        self.rule = rule


def parse_time(text: str, column: str) -> datetime:
    """Return an aware UTC time from ISO 8601 or from seconds or milliseconds since 1970.

    A time without a zone is read as UTC. Raises: BadCellError when it is neither, or before 1970.
    """
    try:
        number = float(text)
    except ValueError:
        return _parse_iso(text, column)
    if not 0 <= number < math.inf:
        raise BadCellError(column, text, "a time is not negative and finite")
    milliseconds = number if number >= FIRST_MILLISECONDS else number * 1000
    try:
        return EPOCH + timedelta(milliseconds=round(milliseconds))
    except OverflowError:
        raise BadCellError(column, text, "a time is a date before the year 9999") from None


def _parse_iso(text: str, column: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        rule = "a time is ISO 8601, or seconds or milliseconds since 1970"
        raise BadCellError(column, text, rule) from None


def parse_elapsed(text: str, column: str, per_second: float) -> float | None:
    """Return seconds from a number in units of `per_second`; None when empty or longer than a day.

    Raises: BadCellError when it is not a number, or negative.
    """
    if not text:
        return None
    try:
        elapsed = float(text) / per_second
    except ValueError:
        raise BadCellError(column, text, NOT_ELAPSED) from None
    if not elapsed >= 0:
        raise BadCellError(column, text, NEGATIVE_ELAPSED)
    return elapsed if elapsed <= LONGEST_ANSWER_SECONDS else None


def parse_count(text: str, column: str) -> int | None:
    """Return a whole number from 0 on; None when empty. Raises: BadCellError when it is none."""
    if not text:
        return None
    number = parse_integer(text, column)
    if number < 0:
        raise BadCellError(column, text, "a count is not negative")
    return number


def parse_integer(text: str, column: str) -> int:
    """Return a whole number; "3.0", as spreadsheets write it, is one.

    Raises: BadCellError when it is none, or has more than MOST_DIGITS.
    """
    if len(text) > MOST_DIGITS:
        raise BadCellError(
            column, text[:MOST_DIGITS], f"this column holds whole numbers, of at most {MOST_DIGITS} digits"
        )
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number != int(number):
        raise BadCellError(column, text, "this column holds whole numbers")
    return int(number)
