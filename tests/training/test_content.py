"""Words of items as vectors, and items that are only described, in the vocabulary."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knowtrace.domain import CatalogueItem, DescribedItem, Interaction, Vocabulary
from knowtrace.errors import TrainingError
from knowtrace.sources import Dataset
from knowtrace.training import Recipe, TrainingConfig, build_vocabulary, train
from knowtrace.training.content import WIDTH, content_fingerprint, content_vectors
from knowtrace.training.loop import Reporter


def vocabulary_of(*item_ids: str) -> Vocabulary:
    items = tuple(CatalogueItem(item_id=i, skill_ids=(), category_counts=(1, 1)) for i in item_ids)
    return Vocabulary(items=items, skill_ids=(), num_categories=2)


def items_of(**words: str) -> dict[str, DescribedItem]:
    return {
        item_id: DescribedItem(item_id=item_id, skill_ids=(), words=tuple(text.split()))
        for item_id, text in words.items()
    }


def test_vectors_by_hand() -> None:
    """Of "x" (two of three items) and "y" (two) both are kept, "all" and "own" are not. Item a has x twice and y once:
    (1 + log 2) and 1 times log(4 / 2), of length 1."""
    found = content_vectors(
        vocabulary_of("a", "b", "c", "d"), items_of(a="x x y all", b="x all own", c="y all")
    )
    assert found is not None
    assert found.shape == (6, 2)
    twice = 1 + np.log(2)
    length = np.hypot(twice, 1)
    assert found.numpy() == pytest.approx(
        np.array([[0, 0], [0, 0], [twice / length, 1 / length], [1, 0], [0, 1], [0, 0]]), abs=1e-6
    )


def test_words_no_two_items_share_are_no_content() -> None:
    assert content_vectors(vocabulary_of("a", "b"), items_of(a="x", b="y")) is None
    assert content_vectors(vocabulary_of("a", "b"), {}) is None


def test_many_words_share_numbers_alike_in_every_process() -> None:
    """Items of the same words have the same vector; the others' are nearly at right angles."""
    ids = [f"i{n}" for n in range(900)]
    words = {i: " ".join(f"w{(n // 2 * 7 + k) % 2_000}" for k in range(12)) for n, i in enumerate(ids)}
    found = content_vectors(vocabulary_of(*ids), items_of(**words))
    assert found is not None
    assert found.shape == (902, WIDTH)
    cosines = (found[2:] @ found[2:].T).numpy()
    assert cosines[np.arange(0, 900, 2), np.arange(1, 900, 2)] == pytest.approx(1, abs=1e-5)
    assert abs(cosines[0, 100:300]).max() < 0.4
    # A hash of Python's own would differ from process to process.
    assert found[2].nonzero().ravel().tolist()[:4] == [67, 127, 198, 208]


def test_a_described_item_is_in_the_catalogue_without_answers() -> None:
    answers = [
        Interaction(student_id="s", item_id=item_id, skill_ids=("sums",), response=1)
        for item_id in ("a", "b")
    ]
    described = {
        "b": DescribedItem(item_id="b", skill_ids=("other",), words=("x",)),
        "new": DescribedItem(item_id="new", skill_ids=("sums", "roots"), words=("x",)),
    }
    dataset = Dataset(name="d", format="f", students={"s": answers}, num_categories=2)
    plain = build_vocabulary(dataset, ["s"])
    found = build_vocabulary(replace(dataset, described=described), ["s"])
    assert found.items[: len(plain.items)] == plain.items
    assert found.items[2:] == (CatalogueItem(item_id="new", skill_ids=("sums",), category_counts=(0, 0)),)
    assert found.items[2].is_unanswered
    assert not found.items[0].is_unanswered
    assert found.skills_per_item == plain.skills_per_item


def test_an_unfinished_training_does_not_go_on_with_another_bank(
    small_dataset: Dataset, reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = sorted({answer.item_id for history in small_dataset.students.values() for answer in history})
    banks = [
        {i: DescribedItem(item_id=i, skill_ids=(), words=(word(n),)) for n, i in enumerate(ids)}
        for word in (lambda n: f"w{n % 2}", lambda n: f"w{n % 3}")
    ]
    one, other = (replace(small_dataset, described=bank) for bank in banks)
    assert len({content_fingerprint(d.described) for d in (small_dataset, one, other)}) == 3
    recipe = Recipe(
        model="dkt",
        settings={"embedding_dim": 8, "hidden_dim": 8},
        training=TrainingConfig(epochs=2, batch_answers=1024),
    )

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(sys.modules[train.__module__], "finish_run", dies)
        with pytest.raises(KeyboardInterrupt):
            train(one, recipe, tmp_path / "run", reporter=reporter)
    for changed in (other, small_dataset):
        with pytest.raises(TrainingError, match="unfinished training was of another model"):
            train(changed, recipe, tmp_path / "run", reporter=reporter)
    assert train(one, recipe, tmp_path / "run", reporter=reporter).path == tmp_path / "run"
