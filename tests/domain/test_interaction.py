"""The lag: what is known of time when an item is asked."""

from datetime import UTC, datetime, timedelta

import pytest

from knowtrace.domain import UNKNOWN_TIME, lag_to_asking

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "elapsed", "lag"),
    [
        (100, 40.0, 60.0),
        (100, 100.0, 0.0),
        (100, 130.0, 0.0),  # clocks disagree
        (100, None, 0.0),  # all of it may be time spent on the item
        (1_799, None, 0.0),
        (86_400, None, 86_400.0),
        (-5, 1.0, 0.0),
    ],
)
def test_the_time_spent_on_an_item_is_no_part_of_its_lag(
    seconds: float, elapsed: float | None, lag: float
) -> None:
    assert lag_to_asking(NOON, NOON + timedelta(seconds=seconds), elapsed) == lag


def test_without_two_times_there_is_no_lag() -> None:
    assert lag_to_asking(None, NOON, 3.0) == UNKNOWN_TIME
    assert lag_to_asking(NOON, None, 3.0) == UNKNOWN_TIME
