"""Who counts for a pair of skills, by hand."""

import numpy as np

from catalogue.answering import answers_of
from knowtrace.catalogue.paired_answers import LAST_ANSWERS, begun_skills, pair_tables, skill_answers
from knowtrace.domain import Interaction

REST = [("c", 1), ("c", 0), ("c", 1), ("d", 0), ("d", 1)]


def tables_of(*histories: list[Interaction]) -> dict[tuple[str, str], np.ndarray]:
    answers = skill_answers({str(number): history for number, history in enumerate(histories)})
    tables = pair_tables(answers, least_support=1)
    names = answers.skill_ids
    return {
        (names[one], names[other]): tables.begun[p].sum(axis=1)
        for p, (one, other) in enumerate(zip(tables.one, tables.other, strict=True))
    }


def test_mastery_is_read_off_the_last_answers_before_the_other_skill_began() -> None:
    history = answers_of(
        "s", *REST, ("a", 0), ("a", 0), ("a", 1), ("a", 1), ("b", 1), ("a", 0), ("a", 0), ("b", 0)
    )
    begun = tables_of(history)["a", "b"]
    assert LAST_ANSWERS == 3
    assert begun[0].tolist() == [[0, 0], [0, 1]]  # a mastered (2 of the last 3), b begun right
    assert begun[1].sum() == 0


def test_half_right_is_not_mastered_and_the_order_of_the_skills_is_kept_apart() -> None:
    first_a = answers_of("s", *REST, ("a", 0), ("a", 1), ("b", 1))
    first_b = answers_of("t", *REST, ("b", 1), ("a", 0))
    begun = tables_of(first_a, first_b)["a", "b"]
    assert begun[0].tolist() == [[0, 1], [0, 0]]
    assert begun[1].tolist() == [[0, 1], [0, 0]]  # rows are a in both: begun wrong, b mastered


def test_an_item_of_both_skills_and_a_common_container_are_no_order() -> None:
    together = answers_of("s", *REST, ("a+b", 1), ("a", 1), ("b", 1))
    contained = [*answers_of("t", *REST), *answers_of("t", ("a", 1), ("b", 1), container="test")]
    assert ("a", "b") not in tables_of(together, contained)
    apart = [
        *answers_of("u", *REST),
        *answers_of("u", ("a", 1), container="x"),
        *answers_of("u", ("b", 1), container="y"),
    ]
    assert tables_of(apart)["a", "b"].sum() == 1


def test_students_with_few_answers_elsewhere_do_not_count() -> None:
    assert ("a", "b") not in tables_of(answers_of("s", *REST[:4], ("a", 1), ("b", 1)))


def test_at_least_half_of_the_credit_is_right() -> None:
    history = answers_of("s", ("a", 0), ("a", 1), ("a", 2), ("a", 3))
    assert skill_answers({"s": history}, num_categories=4).right.tolist() == [0, 0, 1, 1]


def test_first_answers_are_those_of_the_student_to_each_skill() -> None:
    answers = skill_answers(
        {"s": answers_of("s", ("b", 1), ("a", 0), ("b", 0), ("a", 1)), "t": answers_of("t", ("a", 1))}
    )
    begun = begun_skills(answers)
    shown = [answers.skill_ids[skill] for skill in begun.skill]
    assert list(
        zip(begun.student.tolist(), shown, begun.right.tolist(), begun.num_answers.tolist(), strict=True)
    ) == [
        (0, "b", 1, 2),
        (0, "a", 0, 2),
        (1, "a", 1, 1),
    ]


def test_no_answers_give_no_pairs() -> None:
    tables = pair_tables(skill_answers({}), least_support=1)
    assert tables.support.shape == (0,)


def test_counting_in_several_parts_changes_nothing(monkeypatch) -> None:
    random = np.random.default_rng(4)
    students = {
        str(s): answers_of(str(s), *((f"k{random.integers(8)}", int(random.integers(2))) for _ in range(30)))
        for s in range(40)
    }
    whole = pair_tables(skill_answers(students), least_support=5)
    monkeypatch.setattr("knowtrace.catalogue.paired_answers.ROWS_AT_A_TIME", 100)
    parts = pair_tables(skill_answers(students), least_support=5)
    assert whole.begun.sum() > 500
    assert (whole.begun == parts.begun).all()
    assert (whole.first_answers == parts.first_answers).all()
