"""ISO 8601 durations, as learning records write how long something took."""

import re

from knowtrace.standards.cells import BadCellError

_DURATION = re.compile(
    r"P(?=[\dT])(?:(?P<weeks>\d+(?:\.\d+)?)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}

NO_DURATION = "a duration is ISO 8601 in weeks, days, hours, minutes and seconds, like PT1M30.5S"


def duration_seconds(text: str, column: str) -> float:
    """Return the seconds of a duration. Years and months have no fixed length and are refused.

    Raises: BadCellError when the text is no such duration.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise BadCellError(column, text, NO_DURATION)
    return sum(float(found[unit] or 0) * seconds for unit, seconds in _SECONDS.items())
