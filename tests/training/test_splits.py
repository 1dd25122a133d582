"""Students are split, never answers; published splits as their authors meant them."""

import pytest

from knowtrace.errors import TrainingError
from knowtrace.training import Split, split_students, without_twins
from training.histories import students_of

FOLDS = {f"s{n}": f"fold{n % 5}" for n in range(20)}


def of_folds(*folds: int) -> set[str]:
    return {f"s{n}" for n in range(20) if n % 5 in folds}


def test_pykt_folds_validate_on_one_and_test_on_the_test_part() -> None:
    """pyKT (Liu et al., NeurIPS 2022): five folds for training and validation, and a test part apart."""
    tested = {f"s{n}": "test" for n in range(20, 24)}
    split = split_students(students_of(24, FOLDS | tested), fold=2)
    assert set(split.valid) == of_folds(2)
    assert set(split.train) == of_folds(0, 1, 3, 4)
    assert set(split.test) == set(tested)
    assert split.rule == "published folds, validation fold2"


def test_akt_folds_test_on_one_and_validate_on_the_next() -> None:
    """AKT (Ghosh et al., KDD 2020): each of five folds is the test part once, three are learnt from."""
    split = split_students(students_of(20, FOLDS), fold=4)
    assert (set(split.test), set(split.valid), set(split.train)) == (
        of_folds(4),
        of_folds(0),
        of_folds(1, 2, 3),
    )


def test_named_parts_are_taken_as_they_are() -> None:
    parts = ("train", "train", "valid", "test")
    split = split_students(students_of(4, {f"s{n}": part for n, part in enumerate(parts)}))
    assert (split.train, split.valid, split.test) == (("s0", "s1"), ("s2",), ("s3",))


def test_a_missing_validation_part_is_taken_from_train_alone() -> None:
    parts = {f"s{n}": "test" if n < 20 else "train" for n in range(120)}
    split = split_students(students_of(120, parts))
    assert set(split.test) == {f"s{n}" for n in range(20)}
    assert set(split.train) | set(split.valid) == {f"s{n}" for n in range(20, 120)}
    assert 5 <= len(split.valid) <= 30


def test_without_a_published_split_a_hash_decides_stable_and_disjoint() -> None:
    small, large = split_students(students_of(300)), split_students(students_of(600))
    for part in ("train", "valid", "test"):
        assert set(small.part(part)) == set(large.part(part)) & set(small.part("all"))
    assert len(small.part("all")) == len(set(small.part("all"))) == 300
    assert 0.10 < len(large.test) / 600 < 0.20
    assert 0.10 < len(large.valid) / 600 < 0.20
    assert split_students(students_of(300), seed=7).test != small.test
    assert split_students(students_of(300), fold=1).test != small.test


@pytest.mark.parametrize("fold", [5, -1])
def test_a_fold_that_is_not_there_names_those_that_are(fold: int) -> None:
    with pytest.raises(TrainingError, match=f"no fold {fold}: it publishes 5, 0 to 4. Choose one"):
        split_students(students_of(20, FOLDS), fold=fold)


def test_unknown_parts_and_empty_parts_say_what_to_give() -> None:
    with pytest.raises(TrainingError, match="has parts 'dev', 'test': use fold0"):
        split_students(students_of(2, {"s0": "dev", "s1": "test"}))
    with pytest.raises(TrainingError, match=r"leaves no one in .*Give more students"):
        split_students(students_of(2))


def test_twins_by_hand() -> None:
    """b is also e (test), c is also d (valid), d2 is also f (test); g and h are both in train and stay."""
    split = Split(train=("a", "b", "c", "g", "h"), valid=("d", "d2"), test=("e", "f"), rule="by hand")
    clean = without_twins(split, [["b", "e"], ["c", "d"], ["d2", "f"], ["g", "h"]])
    assert (clean.train, clean.valid, clean.test) == (("a", "g", "h"), ("d",), ("e", "f"))
    assert clean.rule == "by hand; twins removed"
