"""Lines into rows, quotes and all."""

import csv
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from knowtrace.sources.records import NUL, TOO_LONG, UNCLOSED, header_of, records


def rows_of(
    text: str, columns: list[str]
) -> tuple[list[tuple[int, list[str]]], list[tuple[int, str, str, str]]]:
    rejected: list[tuple[int, str, str, str]] = []
    lines = enumerate(text.split("\n"), 1)
    rows = list(records(lines, ",", columns, lambda *row: rejected.append(row)))
    return rows, rejected


def test_the_delimiter_is_the_one_the_header_uses() -> None:
    assert header_of("a\tb\tc,d") == ("\t", ["a", "b", "c,d"])
    assert header_of("a; b ;c") == (";", ["a", "b", "c"])
    assert header_of('"a",b') == (",", ["a", "b"])


def test_a_quoted_field_may_hold_delimiters_quotes_and_line_ends() -> None:
    rows, rejected = rows_of('1,"a,b"\n2,"say ""hi""\nyou"\n3,c', ["x", "y"])
    assert rows == [(1, ["1", "a,b"]), (2, ["2", 'say "hi"\nyou']), (4, ["3", "c"])]
    assert rejected == []


def test_a_quote_that_never_closes_costs_its_own_line_only() -> None:
    rows, rejected = rows_of('1,"a\n2,b\n3,c', ["x", "y"])
    assert rows == [(2, ["2", "b"]), (3, ["3", "c"])]
    assert rejected == [(1, "", '1,"a', UNCLOSED)]


def test_two_unclosed_quotes_do_not_swallow_the_rows_between_them() -> None:
    rows, rejected = rows_of('1,"a\n2,b\n3,"c\n4,d', ["x", "y"])
    assert [line for line, _ in rows] + [row[0] for row in rejected] == [2, 4, 1, 3]


def test_an_inch_mark_inside_a_field_is_only_a_character() -> None:
    assert rows_of('1,5" pipe\n2,b', ["x", "y"])[0] == [(1, ["1", '5" pipe']), (2, ["2", "b"])]


def test_a_header_that_is_no_header_is_taken_as_it_is() -> None:
    assert len(header_of('"' + "x" * 300_000 + '",b')[1]) == 2


def test_a_row_with_nul_is_rejected() -> None:
    assert rows_of("a\0,b\nc,d", ["x", "y"])[1] == [(1, "", "a\0,b", NUL)]


def test_a_huge_quoted_field_is_too_long_not_unclosed() -> None:
    assert rows_of('1,"' + "x" * 300_000 + '"\n2,b', ["x", "y"])[1][0][3] == TOO_LONG


def test_rows_with_other_widths_are_rejected_and_blank_lines_are_no_rows() -> None:
    rows, rejected = rows_of("1\n\n1,2\n1,2,3\n", ["x", "y"])
    assert rows == [(3, ["1", "2"])]
    assert [(line, rule) for line, _, _, rule in rejected] == [
        (1, "a row has 2 fields like the header, not 1"),
        (4, "a row has 2 fields like the header, not 3"),
    ]


def test_a_field_of_more_than_ten_thousand_characters_is_rejected_by_column() -> None:
    rows, rejected = rows_of("1," + "x" * 10_001 + "\n2," + "x" * 10_000, ["x", "y"])
    assert [line for line, _ in rows] == [2]
    assert rejected[0][:2] == (1, "y")
    assert rejected[0][3] == TOO_LONG


@given(
    st.lists(st.lists(st.text(st.characters(exclude_characters="\r\0")), min_size=2, max_size=2), max_size=8)
)
def test_what_the_csv_module_writes_is_read_back(table: list[list[str]]) -> None:
    table = [row for row in table if "\n" not in row[0] + row[1]]
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    rows, rejected = rows_of(text.getvalue(), ["x", "y"])
    assert [fields for _, fields in rows] == table
    assert rejected == []
