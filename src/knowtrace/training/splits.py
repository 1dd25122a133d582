"""Who is learnt from, who chooses, who judges: students are split, never answers (`docs/protocol.md`)."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from knowtrace.errors import TrainingError
from knowtrace.sources import Dataset

TEST_SHARE, VALID_SHARE = 0.15, 0.15


@dataclass(frozen=True)
class Split:
    """Students of the three parts, and in words how they were chosen."""

    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]
    rule: str

    def part(self, name: str) -> tuple[str, ...]:
        """Return the students of "train", "valid", "test" or "all"."""
        parts = {"train": self.train, "valid": self.valid, "test": self.test}
        return self.train + self.valid + self.test if name == "all" else parts[name]

    @property
    def fingerprint(self) -> str:
        """A hash of who is in which part: equal for equal parts, whatever the order of students."""
        parts = [sorted(self.part(name)) for name in ("train", "valid", "test")]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def split_students(dataset: Dataset, *, fold: int = 0, seed: int = 42) -> Split:
    """Return the published split of a dataset, or one by student when it publishes none.

    - folds and "test" (pyKT's): validate on the `fold`-th fold, learn from the others, test on "test"
    - folds alone (AKT's): test on the `fold`-th, validate on the next, learn from the others
    - "train", "valid", "test": as they are; a missing "valid" is taken from "train"
    - none: 70 % train, 15 % validation, 15 % test, by a hash of the student's id, `seed` and `fold`

    Raises:
        TrainingError: the fold does not exist, or a part would be empty.
    """
    if dataset.splits:
        split = _published(dataset, fold, seed)
    else:
        shares = [_share(student_id, f"{seed}:{fold}") for student_id in dataset.students]
        split = _by_share(
            list(dataset.students), shares, f"70/15/15 by hash of the student id, seed {seed}, fold {fold}"
        )
    empty = [name for name in ("train", "valid", "test") if not split.part(name)]
    if empty:
        raise TrainingError(
            f"{dataset.name} with {len(dataset.students)} students leaves no one in {' or '.join(empty)} "
            f"({split.rule}). Give more students, or a split column with train, valid and test."
        )
    return split


def without_twins(split: Split, twins: Sequence[Sequence[str]]) -> Split:
    """Return the clean protocol of a split: no one is judged whose other self was learnt from.

    Students whose twin is in validation or test leave training; validation students with a twin in test leave
    validation; the test part stays as it is. `twins` are clusters of ids that are one student.
    """
    test, valid = set(split.test), set(split.valid)
    with_test = {s for cluster in twins if test.intersection(cluster) for s in cluster}
    with_valid = {s for cluster in twins if valid.intersection(cluster) for s in cluster}
    return Split(
        train=tuple(s for s in split.train if s not in with_test and s not in with_valid),
        valid=tuple(s for s in split.valid if s not in with_test),
        test=split.test,
        rule=f"{split.rule}; twins removed",
    )


def _published(dataset: Dataset, fold: int, seed: int) -> Split:
    parts: dict[str, list[str]] = {}
    for student_id in dataset.students:
        parts.setdefault(dataset.splits.get(student_id, ""), []).append(student_id)
    folds = sorted((name for name in parts if re.fullmatch(r"fold\d+", name)), key=lambda name: int(name[4:]))
    if folds:
        if fold not in range(len(folds)):
            raise TrainingError(
                f"{dataset.name} has no fold {fold}: it publishes {len(folds)}, 0 to {len(folds) - 1}. "
                "Choose one of them."
            )
        if "test" in parts:
            chosen, rule = (
                {"test": "test", "valid": folds[fold]},
                f"published folds, validation {folds[fold]}",
            )
        else:
            following = folds[(fold + 1) % len(folds)]
            chosen = {"test": folds[fold], "valid": following}
            rule = f"published folds, test {folds[fold]}, validation {following}"
        learnt = [s for name in folds if name not in chosen.values() for s in parts[name]]
        return Split(tuple(learnt), tuple(parts[chosen["valid"]]), tuple(parts[chosen["test"]]), rule)
    if set(parts) <= {"train", "valid", "test"} and "train" in parts and "test" in parts:
        if "valid" in parts:
            return Split(
                tuple(parts["train"]), tuple(parts["valid"]), tuple(parts["test"]), "published parts"
            )
        held = {s for s in parts["train"] if _share(s, f"{seed}:{fold}") < VALID_SHARE}
        learnt = [s for s in parts["train"] if s not in held]
        return Split(
            tuple(learnt),
            tuple(s for s in parts["train"] if s in held),
            tuple(parts["test"]),
            f"published parts, validation 15 % of train by hash, seed {seed}, fold {fold}",
        )
    raise TrainingError(
        f"The split of {dataset.name} has parts {', '.join(map(repr, sorted(parts)))}: use fold0, fold1, … with or "
        "without test, or train, valid and test."
    )


def _by_share(students: list[str], shares: list[float], rule: str) -> Split:
    test = tuple(s for s, share in zip(students, shares, strict=True) if share < TEST_SHARE)
    valid = tuple(
        s for s, share in zip(students, shares, strict=True) if TEST_SHARE <= share < TEST_SHARE + VALID_SHARE
    )
    train = tuple(s for s, share in zip(students, shares, strict=True) if share >= TEST_SHARE + VALID_SHARE)
    return Split(train, valid, test, rule)


def _share(student_id: str, salt: str) -> float:
    """Return a number in [0, 1) that depends on nothing but the id and the salt."""
    digest = hashlib.blake2b(f"{salt}:{student_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
