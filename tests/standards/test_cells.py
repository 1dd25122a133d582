"""Single cells, by hand."""

from datetime import UTC, datetime

import pytest

from knowtrace.standards.cells import BadCellError, parse_count, parse_elapsed, parse_integer, parse_time

NOON = datetime(2024, 5, 17, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-17T12:00:00Z",
        "2024-05-17 12:00:00",
        "2024-05-17T14:00:00+02:00",
        "1715947200",
        "1715947200.0",
        "1715947200000",
    ],
)
def test_iso_seconds_and_milliseconds_are_one_time(text: str) -> None:
    assert parse_time(text, "t") == NOON
    assert parse_time(text, "t").tzinfo == UTC


def test_milliseconds_keep_their_thousandths() -> None:
    assert parse_time("1715947200123", "t").microsecond == 123_000


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "nan", "inf", "1e300", "2024-13-01", "0001-01-01T00:00+09:00"]
)
def test_what_is_no_time_breaks_a_rule(text: str) -> None:
    with pytest.raises(BadCellError) as bad:
        parse_time(text, "when")
    assert (bad.value.column, bad.value.value) == ("when", text)


def test_elapsed_time_changes_unit_and_forgets_what_is_longer_than_a_day() -> None:
    assert parse_elapsed("2500", "ms", 1000) == 2.5
    assert parse_elapsed("0", "ms", 1000) == 0
    assert parse_elapsed("", "ms", 1000) is None
    assert parse_elapsed("86400", "s", 1) == 86_400
    assert parse_elapsed("86401", "s", 1) is None
    assert parse_elapsed("inf", "s", 1) is None


@pytest.mark.parametrize("text", ["-1", "-0.001", "fast", "nan"])
def test_elapsed_time_is_a_number_from_zero_on(text: str) -> None:
    with pytest.raises(BadCellError, match="an elapsed time is"):
        parse_elapsed(text, "s", 1)


def test_whole_numbers_may_be_written_with_a_decimal_point() -> None:
    assert parse_integer("3.0", "n") == 3
    assert parse_integer("-3", "n") == -3
    assert parse_count("", "n") is None
    assert parse_count("2", "n") == 2


@pytest.mark.parametrize("text", ["1.5", "one", "inf", "nan", "9" * 5000])
def test_other_numbers_break_the_rule(text: str) -> None:
    with pytest.raises(BadCellError, match="whole numbers"):
        parse_integer(text, "n")


def test_counts_are_not_negative() -> None:
    with pytest.raises(BadCellError, match="not negative"):
        parse_count("-1", "hints")
