"""Banded attention, its ring and the two decays, against attention written out key by key."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from knowtrace.errors import TrainingError
from knowtrace.models.attention import (
    CHUNK,
    LinearDecay,
    MonotonicDecay,
    WindowAttention,
    top_influences,
)
from knowtrace.models.rings import Ring, Rings, check_rings
from knowtrace.models.sakt import SAKTConfig

WIDTH, HEADS = 8, 2
SIZE = WIDTH // HEADS
LENGTHS = (1, 30, CHUNK + 61, 3 * CHUNK + 13)
"""One step, one chunk, and two lengths that are cut into a band for the shorter window."""

WINDOWS = (7, 60)
LAYERS = [
    (window, itself, decay)
    for window in WINDOWS
    for itself in (False, True)
    for decay in (LinearDecay, MonotonicDecay)
]


def layer_of(window: int, itself: bool, decay: type[LinearDecay | MonotonicDecay]) -> WindowAttention:
    torch.manual_seed(4)
    layer = WindowAttention(WIDTH, heads=HEADS, window=window, sees_itself=itself, decay=decay(HEADS))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return layer


def inputs(num_steps: int) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(num_steps)
    queries, keys, values = (torch.randn(2, num_steps, WIDTH, generator=rng) for _ in range(3))
    return queries, keys, values


def weights_written_out(layer: WindowAttention, queries: Tensor, keys: Tensor, t: int) -> list[Tensor]:
    """Return each head's weights of the keys that query t of the first student sees, oldest first.

    Linear: score - slope * distance (Press et al., 2022). Monotonic: score * exp(-theta * sqrt(distance * attention
    paid to later keys)) (Ghosh et al., 2020, equations 4 to 6, with the root that their code takes).
    """
    seen = range(max(0, t - layer.window), t + 1 if layer.sees_itself else t)
    found: list[Tensor] = []
    for head in range(HEADS):
        part = slice(head * SIZE, (head + 1) * SIZE)
        query = layer.query(queries[0, t])[part]
        scores = [float(query @ layer.key(keys[0, s])[part]) / math.sqrt(SIZE) for s in seen]
        away = [t - s for s in seen]
        if isinstance(layer.decay, LinearDecay):
            slope = math.exp(float(layer.decay.log_slope[head]))
            fallen = [score - slope * d for score, d in zip(scores, away, strict=True)]
        else:
            theta = math.log1p(math.exp(float(layer.decay.theta[head])))
            shares = torch.tensor(scores).softmax(0).tolist()
            fallen = [
                score * math.exp(-theta * math.sqrt(d * sum(shares[place + 1 :])))
                for place, (score, d) in enumerate(zip(scores, away, strict=True))
            ]
        found.append(torch.tensor(fallen).softmax(0))
    return found


@pytest.mark.parametrize("num_steps", LENGTHS)
@pytest.mark.parametrize(("window", "itself", "decay"), LAYERS)
def test_the_band_is_attention_written_out(
    window: int, itself: bool, decay: type[LinearDecay | MonotonicDecay], num_steps: int
) -> None:
    layer = layer_of(window, itself, decay)
    queries, keys, values = inputs(num_steps)
    with torch.no_grad():
        read, weights = layer(queries, keys, values), layer.weights(queries, keys)
        for t in {0, num_steps // 2, num_steps - 1}:
            expected = weights_written_out(layer, queries, keys, t)
            first = max(0, t - window)
            last = first + len(expected[0])
            value = layer.value(values[0, first:last])
            heads = [w @ value[:, h * SIZE : (h + 1) * SIZE] for h, w in enumerate(expected)]
            torch.testing.assert_close(read[0, t], layer.out(torch.cat(heads)), atol=1e-5, rtol=0)
            places = slice(window - (t - first), window - (t - first) + len(expected[0]))
            torch.testing.assert_close(weights[0, t, :, places], torch.stack(expected), atol=1e-5, rtol=0)
            assert weights[0, t].sum() == pytest.approx(HEADS if len(expected[0]) else 0, abs=1e-5)


@pytest.mark.parametrize(("window", "itself", "decay"), LAYERS)
def test_the_ring_is_the_band(window: int, itself: bool, decay: type[LinearDecay | MonotonicDecay]) -> None:
    """Longer than the window, so that the ring drops what the band no longer sees."""
    layer = layer_of(window, itself, decay)
    queries, keys, values = inputs(LENGTHS[2])
    state = torch.zeros(2, 1 + 2 * window * WIDTH)
    with torch.no_grad():
        expected = layer(queries, keys, values)
        for t in range(LENGTHS[2]):
            rings = Rings.of(state, SAKTConfig(window=window, width=WIDTH, heads=HEADS))
            entry = layer.entry(keys[:, t : t + 1], values[:, t : t + 1])
            read = layer.attend(queries[:, t : t + 1], rings.layers[0], rings.held, entry if itself else None)
            torch.testing.assert_close(read[:, 0], expected[:, t], atol=1e-5, rtol=0)
            state = rings.push(entry)
    assert Rings.of(state, SAKTConfig(window=window, width=WIDTH, heads=HEADS)).held.tolist() == [
        [window],
        [window],
    ]


def test_a_query_that_sees_nothing_has_finite_gradients() -> None:
    layer = layer_of(7, False, MonotonicDecay)
    layer(*inputs(5)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in layer.parameters() if p.grad is not None)


def test_memory_of_the_band_grows_with_length_not_with_its_square() -> None:
    """1,000 steps beside a window of 100: 20 chunks of 50 queries and 150 keys, not 1,000 by 1,000."""
    layer = layer_of(100, False, LinearDecay)
    largest = 0

    def note(_: object, __: object, scores: Tensor) -> None:
        nonlocal largest
        largest = max(largest, scores[0].numel())

    layer.decay.register_forward_hook(note)
    with torch.no_grad():
        layer(*inputs(1000))
    assert largest == HEADS * 1000 * (CHUNK + 100)


def test_a_ring_drops_its_oldest() -> None:
    ring = Ring(torch.tensor([[[1.0], [2.0]]]), torch.tensor([[[5.0], [6.0]]]))
    pushed = ring.push(torch.tensor([[[3.0]]]), torch.tensor([[[7.0]]]))
    assert pushed.keys.flatten().tolist() == [2, 3]
    assert pushed.values.flatten().tolist() == [6, 7]


def test_top_influences_by_hand() -> None:
    """Three steps and a window of two: place 1 is one step before, place 0 two steps before."""
    weights = torch.tensor([[[0.0, 0.0], [0.0, 1.0], [0.7, 0.3]]])
    steps, heaviest = top_influences(weights, 2)
    assert steps.tolist() == [[[-1, -1], [0, -1], [0, 1]]]
    torch.testing.assert_close(heaviest, torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.7, 0.3]]]))


def test_rings_that_do_not_fit_are_refused_with_all_reasons() -> None:
    with pytest.raises(TrainingError, match=r"heads \(3\) must divide width \(128\); .* 1,638,404 bytes"):
        check_rings(SimpleNamespace(window=800, width=128, heads=3, dropout=0.0), num_rings=2)
