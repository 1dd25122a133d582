"""Three or four lines per student: a header, the items, in four-line files the skills, the responses.

The header holds one or two numbers. One number is the sequence length when it equals the number of items
for most students, and else the student. Of two, one that is the length for most students leaves the other as
the student; when neither is, the second is the student (AKT's "id, true_student_id"). A student whose header
only tells the length is numbered in file order, from 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from knowtrace.sources.dataset import Dataset
from knowtrace.sources.gathering import Answer, Gathering
from knowtrace.sources.lines import numbered_lines, opened
from knowtrace.sources.records import MAX_FIELD, TOO_LONG
from knowtrace.sources.scale import Responses
from knowtrace.standards.cells import NO_ITEM
from knowtrace.standards.characters import NO_CHARACTER, holds_halves

MAX_HEADER_NUMBERS = 2
LINES_TO_LOOK_AT = 60
"""Whole blocks of three as well as of four."""

UNEQUAL = "a student's lines hold equally many values"
WRONG_LENGTH = "the header states how many items follow"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """The lines of one student."""

    line: int
    header: list[str]
    rows: list[list[str]]

    @property
    def is_even(self) -> bool:
        return len({len(row) for row in self.rows}) == 1


def lines_per_student(lines: Sequence[str]) -> int | None:
    """Return 3 or 4 when these first lines are such a text, else None."""
    values = [_values(line) for line in lines]
    if not values or len(values[0]) > MAX_HEADER_NUMBERS or not all(value.isdigit() for value in values[0]):
        return None

    def share_of_even_blocks(size: int) -> float:
        starts = range(0, len(values) - size + 1, size)
        even = [
            len({len(row) for row in values[start + 1 : start + size]}) == 1
            and len(values[start]) <= MAX_HEADER_NUMBERS
            for start in starts
        ]
        return sum(even) / len(even) if even else 0.0

    num_lines = max(i for i, value in enumerate(values, 1) if value)
    best = max((3, 4), key=lambda size: (share_of_even_blocks(size), num_lines % size == 0))
    return best if share_of_even_blocks(best) > 0.5 else None


def read_line_text(
    path: Path, size: int, *, responses: Responses | None = None, categories: int | None = None
) -> Dataset:
    """Read a text of `size` lines per student.

    Raises: DataError when it cannot be read or holds no answer.
    """
    gathering = Gathering(name=path.name, format=f"{'three' if size == 3 else 'four'}-line text")
    blocks = _read_blocks(path, size, gathering)
    length_at, student_at = _header_meaning(blocks)
    if student_at is None:
        gathering.notes.append("The file names no students: they are numbered in file order.")
    if size == 3:
        gathering.notes.append("The file names no skills: mastery can only be shown per item.")
    num_given: dict[str, int] = {}
    for number, block in enumerate(blocks, 1):
        if not block.is_even:
            counts = ", ".join(str(len(row)) for row in block.rows)
            gathering.reject(path.name, block.line, "", counts, UNEQUAL)
            continue
        if length_at is not None and block.header[length_at : length_at + 1] != [str(len(block.rows[0]))]:
            gathering.reject(path.name, block.line, "length", ",".join(block.header), WRONG_LENGTH)
            continue
        student_id = str(number) if student_at is None else block.header[student_at]
        _gather_block(student_id, block, path.name, gathering, num_given)
    return gathering.settle(responses=responses, categories=categories)


def _values(line: str) -> list[str]:
    """Return the values of a line; the comma that may end it adds none."""
    return [value.strip() for value in line.strip().removesuffix(",").split(",")] if line.strip() else []


def _read_blocks(path: Path, size: int, gathering: Gathering) -> list[_Block]:
    """Return the students' blocks; one with a line too long to hold or no text, or cut off at the end, is rejected."""
    blocks: dict[int, list[list[str]]] = {}
    dropped: dict[int, str] = {}
    first = 0
    with opened(path) as stream:
        for number, line in numbered_lines(stream, lambda number, _line: dropped.update({number: TOO_LONG})):
            first = first or (number if line.strip() else 0)
            if holds_halves(line):
                dropped[number] = NO_CHARACTER
            if first:
                blocks.setdefault((number - first) // size, []).append(_values(line))
    whole: list[_Block] = []
    dropped_blocks = {(number - first) // size: number for number in dropped}
    for index, lines in blocks.items():
        at = first + index * size
        if index in dropped_blocks:
            number = dropped_blocks[index]
            gathering.reject(path.name, number, "", "", dropped[number])
        elif len(lines) == size:
            whole.append(_Block(line=at, header=lines[0], rows=lines[1:]))
        elif any(lines):
            gathering.reject(path.name, at, "", ",".join(lines[0]), f"a student has {size} lines")
    return whole


def _header_meaning(blocks: Sequence[_Block]) -> tuple[int | None, int | None]:
    """Return which header value is the length and which the student; None for the one that is not there."""
    even = [block for block in blocks if block.is_even]
    width = min((len(block.header) for block in even), default=0)

    def is_length(at: int) -> bool:
        return 2 * sum(block.header[at] == str(len(block.rows[0])) for block in even) > len(even)

    if width == 0:
        return None, None
    if width == 1:
        return (0, None) if is_length(0) else (None, 0)
    if is_length(1):
        return 1, 0
    return (0, 1) if is_length(0) else (None, 1)


def _gather_block(
    student_id: str, block: _Block, file: str, gathering: Gathering, num_given: dict[str, int]
) -> None:
    """Take a student's answers; a student who comes again goes on where the last block ended."""
    items, *skills, responses = block.rows
    answers = gathering.answers.setdefault(student_id, [])
    for step, (item, response) in enumerate(zip(items, responses, strict=True)):
        if not item or len(item) > MAX_FIELD:
            rule = TOO_LONG if item else NO_ITEM
            gathering.reject(file, block.line + 1, "items", item, rule)
            continue
        num_given[student_id] = num_given.get(student_id, 0) + 1
        skill_ids = tuple(dict.fromkeys(s for s in skills[0][step].split(";") if s)) if skills else ()
        answers.append(
            Answer(
                order=(0.0, num_given[student_id]),
                item_id=item,
                skill_ids=skill_ids,
                response=response,
                answered_at=None,
                elapsed_seconds=None,
                hints_used=None,
                attempt=None,
                session_id=None,
                container_id=None,
                file=file,
                line=block.line + len(block.rows),
            )
        )
