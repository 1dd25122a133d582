"""Answers that differ from training are seen to, and those that do not are not."""

import math

import numpy as np
import pytest

from knowtrace.domain import Vocabulary
from knowtrace.domain.vocabulary import CatalogueItem
from knowtrace.tracing.drift import FADING, FEWEST, Drift

NUM_ITEMS, ANSWERS = 40, 100


def vocabulary() -> Vocabulary:
    """Forty items, answered a hundred times each, from 10 to 88 of them right."""
    items = [
        CatalogueItem(item_id=f"i{n}", skill_ids=("s",), category_counts=(ANSWERS - (10 + 2 * n), 10 + 2 * n))
        for n in range(NUM_ITEMS)
    ]
    unanswered = CatalogueItem(item_id="new", skill_ids=("s",), category_counts=(0, 0))
    return Vocabulary(items=(*items, unanswered), skill_ids=("s",), num_categories=2)


def drawn(n: int, items: range, rng: np.random.Generator, *, easier: float = 0.0) -> list[tuple[str, int]]:
    chosen = rng.integers(items.start, items.stop, size=n)
    return [(f"i{item}", int(rng.random() < 0.1 + 0.02 * item + easier)) for item in chosen]


def test_answers_as_in_training_show_no_drift() -> None:
    drift = Drift()
    drift.observe(drawn(5_000, range(NUM_ITEMS), np.random.default_rng(1)), vocabulary(), "a")
    assert drift.unseen_share() == 0
    assert drift.mix_shift() < 0.02
    assert abs(drift.score_shift()) < 0.03


def test_each_kind_of_drift_is_seen_and_no_other() -> None:
    rng = np.random.default_rng(2)
    harder, better, newer = Drift(), Drift(), Drift()
    harder.observe(drawn(5_000, range(20), rng), vocabulary(), "a")
    assert harder.mix_shift() > 0.25
    assert abs(harder.score_shift()) < 0.03
    better.observe(drawn(5_000, range(NUM_ITEMS), rng, easier=0.1), vocabulary(), "a")
    assert better.score_shift() == pytest.approx(0.1, abs=0.03)
    assert better.mix_shift() < 0.02
    usual = drawn(5_000, range(NUM_ITEMS), rng)
    unseen = {0: "new", 1: "elsewhere"}
    mixed = [(unseen.get(n % 4, item), response) for n, (item, response) in enumerate(usual)]
    newer.observe(mixed, vocabulary(), "a")
    assert newer.unseen_share() == pytest.approx(0.5, abs=0.01)


def test_figures_by_hand() -> None:
    """Answers to the easiest item alone, 88 of 100 of them right in training: one bin of ten, nine at the floor."""
    drift = Drift()
    drift.observe([("i39", 1)] * (FEWEST * 2), vocabulary(), "a")
    weight = sum(FADING**n for n in range(FEWEST * 2))
    assert weight > FEWEST
    assert drift.score_shift() == pytest.approx(0.12)
    index = (1 - 0.1) * math.log(1 / 0.1) + 9 * (1e-4 - 0.1) * math.log(1e-4 / 0.1)
    assert drift.mix_shift() == pytest.approx(index)


def test_another_model_begins_anew_and_few_answers_say_nothing() -> None:
    drift = Drift()
    assert math.isnan(drift.unseen_share())
    drift.observe(drawn(500, range(NUM_ITEMS), np.random.default_rng(3)), vocabulary(), "a")
    assert drift.mix_shift() >= 0
    drift.observe(drawn(10, range(NUM_ITEMS), np.random.default_rng(3)), vocabulary(), "b")
    assert all(
        math.isnan(figure) for figure in (drift.unseen_share(), drift.mix_shift(), drift.score_shift())
    )
