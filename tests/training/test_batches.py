"""Batches hold every student once and keep to their budget."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from knowtrace.training.batches import bucket
from training.histories import random_sequences

lengths = st.lists(st.integers(1, 60), min_size=1, max_size=40)


@given(lengths, st.integers(1, 200), st.one_of(st.none(), st.integers(0, 9)))
def test_every_student_is_in_exactly_one_batch_within_the_budget(
    lengths: list[int], batch_answers: int, seed: int | None
) -> None:
    sequences = random_sequences(lengths)
    rng = None if seed is None else np.random.default_rng(seed)
    groups = bucket(sequences, batch_answers=batch_answers, rng=rng)
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(lengths)))
    for group in groups:
        padded = len(group) * max(lengths[student] for student in group)
        assert padded <= batch_answers or len(group) == 1


def test_the_same_seed_gives_the_same_batches_and_another_seed_others() -> None:
    sequences = random_sequences(list(range(1, 60)))

    def grouped(seed: int) -> list[list[int]]:
        rng = np.random.default_rng(seed)
        return [group.tolist() for group in bucket(sequences, batch_answers=200, rng=rng)]

    assert grouped(1) == grouped(1)
    assert grouped(1) != grouped(2)


def test_without_a_generator_batches_are_sorted_by_length() -> None:
    groups = bucket(random_sequences([5, 1, 3, 1]), batch_answers=4)
    assert [group.tolist() for group in groups] == [[1, 3], [2], [0]]
