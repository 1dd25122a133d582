"""Who answered what, as a matrix: students by items, each cell a category or nothing."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from knowtrace.domain import Interaction
from knowtrace.errors import CalibrationError

MISSING = -1
"""A cell without an answer."""

MAX_CATEGORIES = 20
"""More distinct responses than this are a measurement or an id, not graded categories."""

MAX_CELLS = 500_000_000
"""Students times items: two bytes each."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ResponseMatrix:
    """Responses (N, I): category 0..K_i - 1 or MISSING; `counts` (N,) says how many students gave each row.

    `labels` holds, for each item, what category k was called in the source, ascending: (1, 2, 4) for an item whose
    category 3 nobody chose, because categories without answers carry no information and are closed up.
    """

    items: tuple[str, ...]
    students: tuple[str, ...]
    responses: NDArray[np.int16]
    counts: NDArray[np.float64]
    labels: tuple[tuple[int, ...], ...]

    @property
    def num_students(self) -> float:
        return float(self.counts.sum())

    @property
    def num_categories(self) -> Integers:
        """Number of categories seen, (I,); 0 for an item without answers."""
        return np.array([len(labels) for labels in self.labels], dtype=np.int64)

    def columns(self, kept: Sequence[int]) -> "ResponseMatrix":
        """Return the same students with some of the items."""
        return ResponseMatrix(
            items=tuple(self.items[i] for i in kept),
            students=self.students,
            responses=self.responses[:, list(kept)],
            counts=self.counts,
            labels=tuple(self.labels[i] for i in kept),
        )

    def encode(self, rows: Sequence[Sequence[float]]) -> NDArray[np.int16]:
        """Return responses in the source's labels, (U, I) with NaN for none, as categories of this matrix.

        Raises: CalibrationError naming each response that no student gave.
        """
        return encode(np.asarray(rows, dtype=np.float64), self.items, self.labels)


def encode(
    values: NDArray[Any], items: Sequence[str], labels: Sequence[tuple[int, ...]]
) -> NDArray[np.int16]:
    """Return labels (U, I), NaN or -1 for none, as categories (U, I).

    Raises: CalibrationError naming each label that its item does not have.
    """
    categories = np.full(values.shape, MISSING, dtype=np.int16)
    wrong: list[str] = []
    for i, known in enumerate(labels):
        column = values[:, i]
        answered = ~(np.isnan(column) | (column == MISSING))
        for category, label in enumerate(known):
            categories[column == label, i] = category
        strange = np.unique(column[answered & (categories[:, i] == MISSING)])
        if len(strange):
            wrong.append(f"{items[i]} has {', '.join(f'{value:g}' for value in strange[:5])}")
    if wrong:
        raise CalibrationError(
            f"Responses that the fitted items do not have: {'; '.join(wrong[:10])}. Use the categories of the fit."
        )
    return categories


def response_matrix(
    values: ArrayLike,
    *,
    items: Sequence[str] | None = None,
    students: Sequence[str] | None = None,
    counts: ArrayLike | None = None,
) -> ResponseMatrix:
    """Return responses (N, I), whole numbers from 0 with NaN or -1 for none, as a matrix ready to fit.

    `counts` (N,) is how many students gave each row; 1 each when left out.
    Raises: CalibrationError with every column that does not hold categories, and for shapes that do not agree.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or 0 in table.shape:
        raise CalibrationError(
            f"responses have the shape {table.shape}: give one row per student, one column per item."
        )
    names = tuple(items) if items is not None else tuple(f"item {i + 1}" for i in range(table.shape[1]))
    people = tuple(students) if students is not None else tuple(str(n + 1) for n in range(len(table)))
    weights = np.ones(len(table)) if counts is None else np.asarray(counts, dtype=np.float64)
    if len(names) != table.shape[1] or len(people) != len(table) or weights.shape != (len(table),):
        raise CalibrationError(
            f"{table.shape[0]} rows and {table.shape[1]} columns do not fit {len(people)} students, {len(names)} items "
            f"and counts {weights.shape}: give one of each."
        )
    _refuse_bad_counts(weights)
    table = np.where(table == MISSING, np.nan, table)
    _refuse_what_is_no_category(table, names)
    kept = weights > 0
    present = tuple(person for person, keep in zip(people, kept, strict=True) if keep)
    return _closed_up(table[kept], names, present, weights[kept])


def _refuse_bad_counts(weights: NDArray[np.float64]) -> None:
    bad = weights[~(np.isfinite(weights) & (weights >= 0))]
    if len(bad):
        raise CalibrationError(
            f"A row's count ({bad[0]:g}) must be a number from 0: correct or drop the row."
        )


def _refuse_what_is_no_category(table: NDArray[np.float64], names: Sequence[str]) -> None:
    problems: list[str] = []
    for name, column in zip(names, table.T, strict=True):
        seen = np.unique(column[~np.isnan(column)])
        bad = seen[~np.isfinite(seen) | (seen < 0) | (seen != np.floor(seen)) | (seen > 10_000)]
        if len(bad):
            problems.append(f"{name} holds {bad[0]:g}")
        elif len(seen) > MAX_CATEGORIES:
            problems.append(f"{name} has {len(seen)} distinct values")
    if problems:
        more = f" and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise CalibrationError(
            f"Not response categories: {'; '.join(problems[:10])}{more}. "
            f"An item has whole numbers from 0, at most {MAX_CATEGORIES} different ones: drop the other columns."
        )


def first_answers(students: Mapping[str, Iterable[Interaction]], *, min_answers: int = 1) -> ResponseMatrix:
    """Return each student's first answer to each item that at least `min_answers` students answered.

    Raises: CalibrationError when nothing is left, or when the matrix would need more than a gigabyte.
    """
    firsts: list[dict[str, int]] = []
    people: list[str] = []
    for student, history in students.items():
        answers: dict[str, int] = {}
        for answer in history:
            answers.setdefault(answer.item_id, answer.response)
        if answers:
            firsts.append(answers)
            people.append(student)
    num_answers = Counter(item for answers in firsts for item in answers)
    items = {item: i for i, item in enumerate(i for i, n in num_answers.items() if n >= min_answers)}
    if not items:
        raise CalibrationError(
            f"None of {len(num_answers):,} items has {min_answers} answers or more: ask for fewer, or give more data."
        )
    if len(people) * len(items) > MAX_CELLS:
        raise CalibrationError(
            f"{len(people):,} students by {len(items):,} items are more than {MAX_CELLS:,} cells: "
            "keep the items with more answers."
        )
    table = np.full((len(people), len(items)), MISSING, dtype=np.int16)
    for row, answers in enumerate(firsts):
        for item, response in answers.items():
            if item in items:
                table[row, items[item]] = response
    return _closed_up(table, tuple(items), tuple(people), np.ones(len(people)))


def _closed_up(
    table: NDArray[Any], items: tuple[str, ...], students: tuple[str, ...], counts: NDArray[np.float64]
) -> ResponseMatrix:
    labels = tuple(
        tuple(int(v) for v in np.unique(column[~(np.isnan(column) | (column == MISSING))]))
        for column in table.T
    )
    return ResponseMatrix(
        items=items, students=students, responses=encode(table, items, labels), counts=counts, labels=labels
    )
