"""Responses into a matrix."""

import numpy as np
import pytest

from knowtrace.domain import Interaction
from knowtrace.errors import CalibrationError
from knowtrace.psychometrics import first_answers, response_matrix


def answer(student: str, item: str, response: int) -> Interaction:
    return Interaction(student_id=student, item_id=item, skill_ids=(), response=response)


def test_labels_become_categories_and_missing_stays_missing() -> None:
    matrix = response_matrix([[1, 4], [2, np.nan], [-1, 2]])
    assert matrix.labels == ((1, 2), (2, 4))
    assert matrix.responses.tolist() == [[0, 1], [1, -1], [-1, 0]]
    assert matrix.encode([[2, 4]]).tolist() == [[1, 1]]
    with pytest.raises(CalibrationError, match="item 1 has 7; item 2 has 3"):
        matrix.encode([[7, 3]])


def test_the_first_answer_of_each_student_to_each_item_counts() -> None:
    students = {
        "s": [answer("s", "a", 1), answer("s", "b", 0), answer("s", "a", 0)],
        "t": [answer("t", "b", 1)],
        "u": [],
    }
    matrix = first_answers(students)
    assert (matrix.students, matrix.items) == (("s", "t"), ("a", "b"))
    assert matrix.responses.tolist() == [[0, 0], [-1, 1]]
    assert matrix.labels == ((1,), (0, 1))
    assert first_answers(students, min_answers=2).items == ("b",)
    with pytest.raises(CalibrationError, match="None of 2 items has 3 answers or more"):
        first_answers(students, min_answers=3)


def test_rows_that_stand_for_nobody_are_left_out() -> None:
    matrix = response_matrix([[0, 1], [1, 1]], counts=[0, 4])
    assert (matrix.num_students, matrix.labels) == (4, ((1,), (1,)))


def test_all_columns_that_are_no_items_are_named_at_once() -> None:
    values = np.column_stack(
        [np.arange(30), np.full(30, 0.5), np.full(30, -3.0), np.full(30, np.inf), np.zeros(30)]
    )
    with pytest.raises(CalibrationError) as raised:
        response_matrix(values, items=["age", "half", "minus", "endless", "fine"])
    assert str(raised.value) == (
        "Not response categories: age has 30 distinct values; half holds 0.5; minus holds -3; endless holds inf. "
        "An item has whole numbers from 0, at most 20 different ones: drop the other columns."
    )


@pytest.mark.parametrize("counts", [[1, -2], [1, np.nan]])
def test_counts_are_not_negative(counts: list[float]) -> None:
    with pytest.raises(CalibrationError, match="must be a number from 0"):
        response_matrix([[0], [1]], counts=counts)


def test_shapes_must_agree() -> None:
    with pytest.raises(CalibrationError, match="give one row per student"):
        response_matrix([])
    with pytest.raises(CalibrationError, match="do not fit 1 students"):
        response_matrix([[0, 1]], items=["only"])
