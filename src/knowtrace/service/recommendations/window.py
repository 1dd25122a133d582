"""Which answers a recommendation may rest on."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LENGTH = re.compile(r"([1-9][0-9]{0,4})([hdw])")
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
RULE = "must be a length such as 12h, 7d or 4w, or an ISO 8601 interval of two times with offsets, start/end"


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time that ends before `end`: it begins at `start`, or `length` before now with no end."""

    start: datetime | None = None
    end: datetime | None = None
    length: timedelta | None = None

    def bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Return where the window begins and ends, None where it does not."""
        return (now - self.length, None) if self.length is not None else (self.start, self.end)


def parse_window(text: str) -> Window:
    """Read "7d" or "2026-03-01T00:00:00Z/2026-04-01T00:00:00Z".

    Raises:
        ValueError: it is neither, or ends before it begins.
    """
    if match := LENGTH.fullmatch(text):
        return Window(length=int(match[1]) * UNITS[match[2]])
    try:
        start, end = (_aware(part) for part in text.split("/"))
    except (ValueError, OverflowError):
        raise ValueError(RULE) from None
    if start >= end:
        raise ValueError(f"must begin ({start.isoformat()}) before it ends ({end.isoformat()})")
    return Window(start=start, end=end)


def _aware(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(RULE)
    return time.astimezone(UTC)
