"""Where what was delivered names a student: in a file's name, in a line, in a cell."""

import re
from collections.abc import Container, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import orjson

from knowtrace.lake.student_files import is_student_file
from knowtrace.sources.lines import without_suffixes
from knowtrace.sources.records import MAX_LINES_PER_ROW

ERASED = "an erased student's rows are not kept"

BY_LINE = frozenset({
    "answers table", "ASSISTments 2009 raw", "ASSISTments 2012 raw", "ASSISTments 2015 raw", "ASSISTments 2017 raw",
    "DataShop student-step", "EdNet KT4", "Eedi", "Riiid",
})  # fmt: skip
"""Formats of which each row, or the name of its file, names its student. Of others no line can be told apart."""

Place = tuple[str, int]
"""A file and a line of it, from 1."""

_CELLS = re.compile(r"[,;\t|]")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WORDS = re.compile(r"[^\s,;|\"'<>(){}\[\]:=/]+")


def student_of_file(name: str) -> str | None:
    """Return whose file this is, where files are named for students, as EdNet's are."""
    return without_suffixes(Path(name)) if is_student_file(name) else None


def names(text: str, students: Container[str]) -> bool:
    """Return whether a cell, a quoted text or a word of a text is one of the students.

    A short id is often a number that means something else: this rather finds too much.
    """
    pieces = {cell.strip(" \r\n\"'").replace('""', '"') for cell in _CELLS.split(text)}
    pieces.update(_unescaped(quoted) for quoted in _QUOTED.findall(text))
    pieces.update(_WORDS.findall(text))
    return any(piece in students for piece in pieces if piece)


def lines_that_stay(
    lines: Sequence[tuple[str, int, str]],
    *,
    mine: AbstractSet[Place],
    others: AbstractSet[Place],
    students: Container[str],
    is_by_line: bool,
) -> list[bool]:
    """Return which lines (file, line, text) of one source may stay when some students go.

    `mine` are places of these students' answers, `others` those of everybody else: a line where the answer of another
    begins stays. Where lines cannot be told apart, none stays once one of them is the students'.
    """
    stays: list[bool] = []
    num_open = 0
    for file, number, text in lines:
        place = (file, number)
        if place in mine or (place not in others and _is_of(file, text, students)):
            # A quoted cell may run on over lines that name nobody.
            num_open = MAX_LINES_PER_ROW if text.count('"') % 2 else 0
            stays.append(False)
        elif num_open and place not in others:
            num_open = 0 if text.count('"') % 2 else num_open - 1
            stays.append(False)
        else:
            num_open = 0
            stays.append(True)
    return stays if is_by_line or all(stays) else [False] * len(stays)


def _is_of(file: str, text: str, students: Container[str]) -> bool:
    owner = student_of_file(file)
    return (owner is not None and owner in students) or names(text, students)


def _unescaped(quoted: str) -> str:
    if "\\" not in quoted:
        return quoted
    try:
        return str(orjson.loads(f'"{quoted}"'))
    except orjson.JSONDecodeError:
        return quoted
