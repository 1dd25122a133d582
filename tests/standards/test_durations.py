"""ISO 8601 durations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowtrace.standards.cells import BadCellError
from knowtrace.standards.durations import duration_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT30S", 30), ("PT1M30.5S", 90.5), ("PT2H", 7200), ("P1DT1S", 86_401), ("P1W", 604_800), ("PT0S", 0)],
)
def test_a_duration_is_its_seconds(text: str, seconds: float) -> None:
    assert duration_seconds(text, "duration") == seconds


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "30", "PT30", "-PT30S", "P1Y", "P1M", "PT1S1M", "pt1s", "PT1S ", "PT\u0663S"]
)
def test_what_is_no_duration_of_fixed_length_is_refused(text: str) -> None:
    with pytest.raises(BadCellError, match="ISO 8601"):
        duration_seconds(text, "duration")


@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59_999))
def test_units_add_up(days: int, hours: int, minutes: int, milliseconds: int) -> None:
    text = f"P{days}DT{hours}H{minutes}M{milliseconds / 1000:.3f}S"
    expected = days * 86_400 + hours * 3_600 + minutes * 60 + milliseconds / 1000
    assert duration_seconds(text, "duration") == pytest.approx(expected, abs=1e-6)
