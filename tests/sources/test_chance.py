"""Surprise against exact probabilities, and what must not count as surprise."""

import numpy as np
import pytest

from knowtrace.sources.chance import ResponseShares, surprise_of
from knowtrace.sources.columns import Columns


def columns_of(histories: list[list[tuple[int, int]]], num_categories: int = 2) -> Columns:
    answers = [answer for history in histories for answer in history]
    lengths = [len(history) for history in histories]
    return Columns(
        student_ids=tuple(f"s{n}" for n in range(len(histories))),
        item_ids=tuple(f"i{n}" for n in range(1 + max(item for item, _ in answers))),
        student=np.repeat(np.arange(len(histories)), lengths),
        item=np.array([item for item, _ in answers]),
        response=np.array([response for _, response in answers]),
        starts=np.concatenate([[0], np.cumsum(lengths)]),
        num_categories=num_categories,
    )


def surprise(columns: Columns, student: int) -> float:
    rows = np.arange(columns.starts[student], columns.starts[student + 1])
    return float(surprise_of(ResponseShares(columns), rows, np.array([len(rows)]))[0])


def crowd(num_items: int, rng: np.random.Generator) -> list[list[tuple[int, int]]]:
    return [[(i, int(rng.random() < 0.5)) for i in range(num_items)] for _ in range(4_000)]


def test_balanced_coin_flips_are_one_bit_each() -> None:
    """Known by hand: half right on items as hard as one another is at most log C(n, n/2)-likely of 2^n."""
    rng = np.random.default_rng(1)
    pattern = [(i, int(i in {0, 1, 4, 7, 8, 10, 12, 13, 15, 18})) for i in range(20)]
    columns = columns_of([pattern, *crowd(20, rng)])
    assert surprise(columns, 0) == pytest.approx(20 * np.log(2), abs=1.0)


@pytest.mark.parametrize("response", [0, 1])
def test_one_and_the_same_response_is_no_surprise(response: int) -> None:
    rng = np.random.default_rng(1)
    columns = columns_of([[(i, response) for i in range(30)], *crowd(30, rng)])
    assert surprise(columns, 0) < 0.1


def test_a_run_of_wrong_then_a_run_of_right_is_little_surprise() -> None:
    rng = np.random.default_rng(1)
    columns = columns_of([[(i, int(i >= 15)) for i in range(30)], *crowd(30, rng)])
    assert surprise(columns, 0) < 7


def test_the_surprise_is_least_over_levels_and_streaks() -> None:
    """Compared with a grid over both parameters."""
    rng = np.random.default_rng(2)
    columns = columns_of([[(i, int(rng.random() < 0.5 + i / 60)) for i in range(30)] for _ in range(300)])
    shares = ResponseShares(columns)
    rows = np.arange(30)
    base, response = shares.log_shares(rows), columns.response[rows]
    follows = np.zeros((30, 2))
    follows[rows[1:], response[:-1]] = 1
    least = np.inf
    for level in np.linspace(-5, 5, 81):
        for streak in np.linspace(0, 5, 41):
            logits = base + level * np.array([0.0, 1.0]) + streak * follows
            p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            least = min(least, -np.log(p[rows, response]).sum())
    assert surprise(columns, 0) == pytest.approx(least, abs=0.05)


def test_own_nats_are_those_of_the_shares() -> None:
    rng = np.random.default_rng(4)
    columns = columns_of(
        [[(int(rng.integers(5)), int(rng.integers(3))) for _ in range(20)] for _ in range(30)], 3
    )
    shares = ResponseShares(columns)
    rows = np.arange(len(columns.item))
    assert shares.own_nats == pytest.approx(-shares.log_shares(rows)[rows, columns.response])


def test_chance_keeps_its_promise() -> None:
    """Others of every level give a student's pattern no more often than promised, but for 3 % of students."""
    rng = np.random.default_rng(5)
    levels = rng.normal(0, 1, 3_000)
    chance = 1 / (1 + np.exp(-(levels[:, None] - np.linspace(-1, 1, 8))))
    answers = (rng.random(chance.shape) < chance).astype(int)
    columns = columns_of([[(i, int(r)) for i, r in enumerate(row)] for row in answers])
    rows = np.arange(len(columns.item))
    promised = np.exp(-surprise_of(ResponseShares(columns), rows, np.full(3_000, 8)))
    _, pattern, counts = np.unique(answers, axis=0, return_inverse=True, return_counts=True)
    share = (counts[pattern] - 1) / 2_999
    assert (share > promised).mean() < 0.03
