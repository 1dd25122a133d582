"""When something is due: five fields as cron has them, in UTC."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from knowtrace.errors import SettingsError

FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
SUNDAY = 7
FARTHEST_DAYS = 8 * 366
"""29 February may be eight years away."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Minute, hour, day of the month, month, day of the week (0 or 7 is Sunday): `0 4 * * 0` is Sunday at 04:00 UTC.

    Each field is `*` or numbers with commas between them. Where day and weekday are both given, both must hold: cron
    would be content with one.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> "Rule":
        """Read a rule.

        Raises:
            SettingsError: it is none, or is never due.
        """
        parts = text.split()
        if len(parts) != len(FIELDS):
            raise SettingsError(
                f"The rule {text!r} has {len(parts)} fields: give minute, hour, day, month, weekday."
            )
        fields = [_numbers(text, part, *field) for part, field in zip(parts, FIELDS, strict=True)]
        weekdays = frozenset(day % SUNDAY for day in fields[4])
        rule = cls(text, fields[0], fields[1], fields[2], fields[3], weekdays)
        rule.next(datetime(2024, 1, 1, tzinfo=UTC))
        return rule

    def latest(self, now: datetime) -> datetime:
        """Return the last time that was due, `now` included."""
        for back in range(FARTHEST_DAYS):
            on = now.date() - timedelta(days=back)
            if self._is_on(datetime.combine(on, time(), UTC)):
                due = [at for at in self._times(on) if at <= now]
                if due:
                    return due[-1]
        raise SettingsError(f"The rule {self.text!r} is never due: no year has such a day.")

    def next(self, now: datetime) -> datetime:
        """Return the first time after `now` that is due."""
        for ahead in range(FARTHEST_DAYS):
            on = now.date() + timedelta(days=ahead)
            if self._is_on(datetime.combine(on, time(), UTC)):
                due = [at for at in self._times(on) if at > now]
                if due:
                    return due[0]
        raise SettingsError(f"The rule {self.text!r} is never due: no year has such a day.")

    def _is_on(self, day: datetime) -> bool:
        is_weekday = day.isoweekday() % SUNDAY in self.weekdays
        return day.day in self.days and day.month in self.months and is_weekday

    def _times(self, on: date) -> list[datetime]:
        return [
            datetime.combine(on, time(hour, minute), UTC)
            for hour in sorted(self.hours)
            for minute in sorted(self.minutes)
        ]


def _numbers(text: str, part: str, name: str, least: int, most: int) -> frozenset[int]:
    if part == "*":
        return frozenset(range(least, most + 1))
    numbers = part.split(",")
    if not all(n.isascii() and n.isdigit() and least <= int(n) <= most for n in numbers):
        raise SettingsError(
            f"The rule {text!r} has the {name} {part!r}: give * or numbers from {least} to {most}, with commas between."
        )
    return frozenset(int(n) for n in numbers)
