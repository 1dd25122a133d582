"""Whoever may not be learnt from is nowhere in what a model is given: neither in memory nor in a lake's shards."""

from pathlib import Path

import pytest

from knowtrace.lake import build_lake, read_lake
from knowtrace.sources import Dataset, read, without_students
from knowtrace.training import build_vocabulary, encode, fingerprint

STUDENTS = [f"s{n}" for n in range(10)]
REFUSING = {"s0", "s4", "s5", "s9", "never heard of"}


def answers(path: Path, students: list[str]) -> Path:
    """Write ten answers of each; an item and a skill of each one's own are among them."""
    rows = ["student,item,skill,correct"]
    for student in students:
        rows += [f"{student},i{n},k{n % 2},{n * int(student[1:]) % 3 % 2}" for n in range(9)]
        rows.append(f"{student},of-{student},only-{student},1")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def datasets(folder: Path, students: list[str], *, is_lake: bool) -> Dataset:
    folder.mkdir()
    source = answers(folder / "answers.csv", students)
    if not is_lake:
        return read(source)
    build_lake(folder / "lake", [source])
    return read_lake(folder / "lake")


@pytest.mark.parametrize("is_lake", [False, True])
def test_a_dataset_without_students_is_that_of_a_source_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_lake: bool
) -> None:
    monkeypatch.setattr("knowtrace.lake.dataset.STUDENTS_AT_ONCE", 3)
    others = [student for student in STUDENTS if student not in REFUSING]
    whole = datasets(tmp_path / "whole", STUDENTS, is_lake=is_lake)
    left = without_students(whole, REFUSING)
    expected = datasets(tmp_path / "expected", others, is_lake=is_lake)
    assert sorted(left.students) == others
    assert (len(left.students), left.num_interactions) == (6, 60)
    assert set(left.splits) == set(expected.splits)
    assert left.category_counts.tolist() == expected.category_counts.tolist()
    for student in REFUSING:
        assert student not in left.students
        with pytest.raises(KeyError):
            left.students[student]
    order = list(left.students)
    vocabulary = build_vocabulary(left, order)
    names = {*vocabulary.skill_ids, *(item.item_id for item in vocabulary.items)}
    assert {f"of-{student}" for student in others} <= names
    assert not {f"{what}-{student}" for what in ("of", "only") for student in REFUSING} & names
    of_expected = build_vocabulary(expected, order)
    assert vocabulary == of_expected
    ours, theirs = encode(left, order, vocabulary), encode(expected, order, of_expected)
    assert ours.items.tolist() == theirs.items.tolist()
    assert ours.responses.tolist() == theirs.responses.tolist()
    assert fingerprint(left) != fingerprint(whole)
