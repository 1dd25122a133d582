"""Opening files nobody should trust."""

import gzip
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from knowtrace.errors import DataError
from knowtrace.sources.lines import MAX_LINE, first_lines, numbered_lines, without_suffixes

Source = Callable[..., Path]


def refuse(number: int, line: str) -> None:
    raise AssertionError((number, line[:20]))


def test_gzip_is_recognised_by_content(source: Source) -> None:
    assert first_lines(source(gzip.compress(b"a,b\n1,2\n", mtime=0), "plain.csv"), 9) == ["a,b", "1,2"]


def test_a_byte_order_mark_is_no_part_of_the_first_name(source: Source) -> None:
    assert first_lines(source(b"\xef\xbb\xbfa,b\n"), 1) == ["a,b"]


def test_leading_blank_lines_are_skipped(source: Source) -> None:
    assert first_lines(source("\n\na\n\nb\n"), 3) == ["a", "", "b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "answers.csv is empty"),
        (b"\n \n", "holds no line of text"),
        ("student,item\nJosé,1\n".encode("latin-1"), "0xe9, which is not UTF-8"),
        ("student,item\n".encode("utf-16"), "UTF-16 or binary"),
        ("student,item\n".encode("utf-16-le"), "UTF-16 or binary"),
        (gzip.compress(b"student,item\n" * 99, mtime=0)[:-20], "ends amid its gzip data"),
        (b"\x1f\x8bnot gzip at all", "damaged gzip"),
        (b"PK\x03\x04zip", "zip archive"),
    ],
)
def test_unreadable_files_say_why(source: Source, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        first_lines(source(content), 9)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no file at .*gone\.csv"):
        first_lines(tmp_path / "gone.csv", 1)


def test_damage_in_the_middle_of_gzip_data_is_a_data_error(source: Source) -> None:
    packed = bytearray(gzip.compress(bytes(i * i % 251 for i in range(5000)).hex().encode()))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(DataError, match=r"damaged gzip|amid its gzip"):
        first_lines(source(bytes(packed)), 9)


def test_an_endless_line_is_reported_and_the_next_line_keeps_its_number() -> None:
    too_long: list[tuple[int, int]] = []
    stream = StringIO("a\n" + "x" * (3 * MAX_LINE + 5) + "\nb")
    lines = list(numbered_lines(stream, lambda number, line: too_long.append((number, len(line)))))
    assert lines == [(1, "a"), (3, "b")]
    assert too_long == [(2, MAX_LINE)]


def test_windows_line_ends_leave_nothing_behind(source: Source) -> None:
    assert first_lines(source("a,b\r\n1,2\r\n"), 2) == ["a,b", "1,2"]


def test_the_last_line_needs_no_end() -> None:
    assert list(numbered_lines(StringIO("a\nb"), refuse)) == [(1, "a"), (2, "b")]


def test_a_student_is_named_by_the_file_without_its_endings() -> None:
    assert [without_suffixes(Path(name)) for name in ("u7.csv.gz", "u7.csv")] == ["u7", "u7"]
