"""The named columns of a table, row by row."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from knowtrace.errors import DataError
from knowtrace.sources.column_rows import column_rows
from knowtrace.sources.records import TOO_LONG, UNCLOSED

Source = Callable[..., Path]


def rows_of(
    path: Path, *columns: str, **options: object
) -> tuple[list[tuple[int, list[str]]], list[tuple[int, str]]]:
    rejected: list[tuple[int, str]] = []
    rows = column_rows(path, columns, lambda line, _c, _v, rule: rejected.append((line, rule)), **options)  # type: ignore[arg-type]
    return list(rows), rejected


def test_columns_come_in_the_order_asked_for_without_spaces(source: Source) -> None:
    path = source("a, b ,c\n1, 2 ,3\n\n4,5,6\n")
    assert rows_of(path, "c", "b")[0] == [(2, ["3", "2"]), (4, ["6", "5"])]


def test_an_optional_column_that_is_not_there_is_empty(source: Source) -> None:
    assert rows_of(source("a\tb\n1\t2\n"), "a", optional=("z", "b"))[0] == [(2, ["1", "", "2"])]


def test_all_missing_columns_are_named_with_those_found(source: Source) -> None:
    with pytest.raises(DataError, match=r"answers.csv has no column x, y among its columns \(a, b\): give"):
        rows_of(source("a,b\n1,2\n"), "x", "a", "y")


def test_a_quote_is_a_character_where_the_format_has_no_quoting(source: Source) -> None:
    path = source('a\tb\n"1\t2\n3\t"4"\n')
    assert rows_of(path, "a", "b", has_quotes=False) == ([(2, ['"1', "2"]), (3, ["3", '"4"'])], [])
    assert rows_of(path, "a", "b") == ([(3, ["3", "4"])], [(2, UNCLOSED)])


def test_gzip_a_byte_order_mark_mixed_line_ends_and_long_lines(source: Source) -> None:
    text = "\ufeffa,b\r\n1,2\n3,4\r\n" + "x" * 1_200_000 + "\n5,6"
    rows, rejected = rows_of(source(gzip.compress(text.encode()), "t.csv.gz"), "a", "b")
    assert [cells for _, cells in rows] == [["1", "2"], ["3", "4"], ["5", "6"]]
    assert rejected == [(4, TOO_LONG)]
