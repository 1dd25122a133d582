"""Interactions as arrays: nothing lost, nothing of other students' parts seen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from knowtrace.domain import PADDING, UNSEEN, CatalogueItem, Interaction, Vocabulary
from knowtrace.sources import Dataset
from knowtrace.training import build_vocabulary, encode
from knowtrace.training.sequences import category_counts, item_positions
from training.histories import dataset_of, random_sequences

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)

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
    owners = np.repeat(np.arange(len(lengths)), lengths).tolist()
    assert np.repeat(pieces.owners, pieces.lengths).tolist() == owners
    (stretch,) = pieces.stretches()
    assert stretch.where.tolist() == list(range(sequences.num_answers))
    assert set(sequences.starts[:-1].tolist()) <= set(pieces.firsts.tolist())


def test_beginnings_are_the_first_answers_of_each_history() -> None:
    sequences = random_sequences([5, 2, 3])
    short = sequences.whole.beginnings(3)
    assert short.lengths.tolist() == [3, 2, 3]
    for n in range(3):
        of_all, of_short = sequences.batch([n]), short.batch([n])
        steps = short.lengths[n]
        for name in ("items", "skills", "responses", "lags", "elapsed", "valid"):
            assert torch.equal(getattr(of_short, name), getattr(of_all, name)[:, :steps])
    assert sequences.whole.beginnings(9).lengths.tolist() == [5, 2, 3]


def test_how_long_an_answer_took_does_not_show_in_what_is_known_before_it() -> None:
    """Right answers take 10 s and wrong ones 200 s, on items asked 5 s after the last answer."""
    at, history = NOON, []
    for n in range(20):
        seconds = 10.0 if n % 3 else 200.0
        at += timedelta(seconds=5 + seconds)
        history.append(
            Interaction(
                student_id="s",
                item_id="i",
                skill_ids=(),
                response=int(bool(n % 3)),
                answered_at=at,
                elapsed_seconds=seconds,
            )
        )
    dataset = Dataset(name="t", format="test", students={"s": history}, num_categories=2, splits={})
    vocabulary = build_vocabulary(dataset, ["s"])
    assert (vocabulary.has_lags, vocabulary.has_elapsed) == (True, True)
    assert encode(dataset, ["s"], vocabulary).lags[1:].tolist() == [5.0] * 19
    untold = {"s": [replace(answer, elapsed_seconds=None) for answer in history]}
    assert set(encode(replace(dataset, students=untold), ["s"], vocabulary).lags[1:].tolist()) == {0.0}


def test_an_answer_without_skills_has_those_of_the_catalogue() -> None:
    dataset = dataset_of({"a": [("i", ("x", "y"), 1), ("i", ("x", "y"), 0), ("i", (), 1), ("new", (), 1)]})
    vocabulary = build_vocabulary(dataset, ["a"])
    rows = encode(dataset, ["a"], vocabulary).skills.tolist()
    assert rows == [[2, 3], [2, 3], [2, 3], [0, 0]]


def test_places_of_many_items_stay_apart() -> None:
    """40,000 problems of two steps each: a thousand places between problems would pass 2^24."""
    items = [CatalogueItem(item_id=f"{n * 7919}x{s}", skill_ids=(), category_counts=(1, 1))
             for n in range(40_000) for s in (1, 2)]  # fmt: skip
    places = item_positions(Vocabulary(items=tuple(items), skill_ids=(), num_categories=2))[2:]
    assert len(places.unique()) == len(items)
    assert (places[1::2] - places[::2]).abs().unique().tolist() == [1.0]


@pytest.mark.parametrize("item_id", ["7" * 5_000, "x" + "1" * 5_000])
def test_an_id_of_thousands_of_digits_has_a_place(item_id: str) -> None:
    items = [CatalogueItem(item_id=i, skill_ids=(), category_counts=(1, 1)) for i in ("1", item_id)]
    places = item_positions(Vocabulary(items=tuple(items), skill_ids=(), num_categories=2))
    assert len(places.unique()) == 3
