"""When things are due, in UTC."""

from datetime import UTC, datetime

import pytest

from knowtrace.errors import SettingsError
from knowtrace.jobs import Rule


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "now", "latest", "following"),
    [
        ("0 2 * * *", "2026-03-01T02:00:00", "2026-03-01T02:00", "2026-03-02T02:00"),
        ("0 2 * * *", "2026-03-01T01:59:59", "2026-02-28T02:00", "2026-03-01T02:00"),
        # 1 March 2026 is a Sunday.
        ("0 4 * * 0", "2026-03-04T12:00:00", "2026-03-01T04:00", "2026-03-08T04:00"),
        ("0 4 * * 7", "2026-03-01T03:59:00", "2026-02-22T04:00", "2026-03-01T04:00"),
        ("0,30 6,18 * * *", "2026-03-01T18:29:00", "2026-03-01T18:00", "2026-03-01T18:30"),
        ("0 0 29 2 *", "2026-03-01T00:00:00", "2024-02-29T00:00", "2028-02-29T00:00"),
        ("15 3 1 * *", "2026-03-01T03:00:00", "2026-02-01T03:15", "2026-03-01T03:15"),
    ],
)
def test_the_last_and_the_next_time(rule: str, now: str, latest: str, following: str) -> None:
    assert Rule.parse(rule).latest(at(now)) == at(latest)
    assert Rule.parse(rule).next(at(now)) == at(following)


@pytest.mark.parametrize(
    "text", ["", "0 2 * *", "60 2 * * *", "0 24 * * *", "0 2 0 * *", "0 2 * 13 *", "0 2 * * 8", "*/5 * * * *"]
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="The rule"):
        Rule.parse(text)


def test_a_day_that_never_comes_is_refused() -> None:
    with pytest.raises(SettingsError, match="is never due"):
        Rule.parse("0 0 30 2 *")
