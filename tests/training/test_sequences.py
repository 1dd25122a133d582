"""Interactions as arrays: nothing lost, nothing of other students' parts seen."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from knowtrace.domain import PADDING, UNSEEN
from knowtrace.sources import Dataset
from knowtrace.training import build_vocabulary, encode
from knowtrace.training.sequences import category_counts
from training.histories import dataset_of, random_sequences

HISTORIES = {
    "ann": [("0", ("x",), 1), ("q", ("x", "y"), 0), ("0", ("x",), 2)],
    "ben": [("q", ("x", "y"), 2), ("q", ("z",), 1), ("q", ("x", "y"), 1)],
    "cem": [("new", ("w",), 0)],
}


def test_vocabulary_by_hand() -> None:
    """Items and skills in the order they are met by ann and ben; of cem, who is not in training,
    the item but no answer and no skill."""
    known = build_vocabulary(dataset_of(HISTORIES, num_categories=3), ["ann", "ben"])
    assert [(i.item_id, i.skill_ids, i.category_counts) for i in known.items] == [
        ("0", ("x",), (0, 1, 1)),
        ("q", ("x", "y"), (1, 2, 1)),
        ("new", (), (0, 0, 0)),
    ]
    assert known.skill_ids == ("x", "y", "z")
    assert category_counts(known).tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 1], [1, 2, 1], [0, 0, 0]]


def test_encoding_by_hand() -> None:
    dataset = dataset_of(HISTORIES, num_categories=3)
    known = build_vocabulary(dataset, ["ann", "ben"])
    found = encode(dataset, ["cem", "ann"], known)
    assert found.student_ids == ("cem", "ann")
    assert found.starts.tolist() == [0, 1, 4]
    assert found.items.tolist() == [4, 2, 3, 2]
    assert found.skills.tolist() == [[UNSEEN, PADDING], [2, PADDING], [2, 3], [2, PADDING]]
    assert found.responses.tolist() == [0, 1, 0, 2]


def test_no_skill_of_the_data_is_lost(small_dataset: Dataset) -> None:
    known = build_vocabulary(small_dataset, small_dataset.students)
    skills = {skill for history in small_dataset.students.values() for a in history for skill in a.skill_ids}
    assert set(known.skill_ids) == skills
    assert len(known.skill_ids) == len(skills) == 5
    found = encode(small_dataset, list(small_dataset.students), known)
    assert UNSEEN not in found.items
    assert sorted(set(found.skills.ravel().tolist()) - {PADDING}) == list(range(2, 2 + len(skills)))


def test_a_batch_is_padded_with_zeros_after_the_real_steps() -> None:
    sequences = random_sequences([2, 4])
    batch = sequences.batch([1, 0])
    assert batch.valid.tolist() == [[True] * 4, [True, True, False, False]]
    assert batch.items[0].tolist() == sequences.items[2:].tolist()
    assert batch.items[1].tolist() == [*sequences.items[:2].tolist(), 0, 0]
    assert batch.skills[1, 2:].sum() == 0


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.integers(1, 20))
def test_cutting_loses_no_answer_and_mixes_no_students(lengths: list[int], longest: int) -> None:
    sequences = random_sequences(lengths)
    pieces = sequences.cut(longest)
    assert pieces.lengths.max() <= longest
    assert pieces.lengths.min() >= 1
    assert pieces.num_answers == sequences.num_answers
    owners = np.repeat(sequences.student_ids, sequences.lengths).tolist()
    assert np.repeat(pieces.student_ids, pieces.lengths).tolist() == owners
    assert set(sequences.starts.tolist()) <= set(pieces.starts.tolist())


def test_beginnings_are_the_first_answers_of_each_history() -> None:
    sequences = random_sequences([5, 2, 3])
    short = sequences.beginnings(3)
    assert short.lengths.tolist() == [3, 2, 3]
    for n in range(3):
        of_all, of_short = sequences.batch([n]), short.batch([n])
        steps = short.lengths[n]
        for name in ("items", "skills", "responses", "lags", "elapsed", "valid"):
            assert torch.equal(getattr(of_short, name), getattr(of_all, name)[:, :steps])
    assert sequences.beginnings(9).items.tolist() == sequences.items.tolist()
