"""Ids that are one person: joined, and grouped together."""

from dataclasses import replace

from knowtrace.domain import Interaction
from knowtrace.sources import Dataset
from knowtrace.training.persons import NUM_GROUPS, group_students, same_students


def history(student_id: str, items: range, *, wrong_from: int = 10**6) -> list[Interaction]:
    return [
        Interaction(
            student_id=student_id,
            item_id=f"i{item}",
            skill_ids=(),
            # A pattern without rhythm, so that equal answers are no accident.
            response=int((item * item + item // 3) % 7 < 4) if item < wrong_from else item % 2,
        )
        for item in items
    ]


def test_clusters_that_share_an_id_are_one(small_dataset: Dataset) -> None:
    """`b` shares 30 answers with `a` and 30 others with `c`, who share none: all three are one person."""
    students = dict(small_dataset.students)
    students["a"] = history("a", range(40))
    students["b"] = history("b", range(10, 70))
    students["c"] = history("c", range(40, 80))
    clusters = same_students(replace(small_dataset, students=students, oracle=None, splits={}))
    assert clusters == [("a", "b", "c")]


def test_one_person_is_in_one_group_whoever_else_is_there() -> None:
    ids = [f"s{n}" for n in range(200)]
    groups = group_students(ids, [("s3", "s90", "s150")], seed=1)
    assert groups["s3"] == groups["s90"] == groups["s150"]
    assert set(groups.values()) == set(range(1, NUM_GROUPS + 1))
    alone = group_students(["s7"], (), seed=1)
    assert alone["s7"] == groups["s7"]
    assert group_students(ids, (), seed=2) != group_students(ids, (), seed=1)
