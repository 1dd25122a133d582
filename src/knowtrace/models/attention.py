"""Attention over a bounded window of past steps, in both forms: banded over all steps, and over a ring of one student.

A query sees keys at distances 1 to `window`, and its own step at distance 0 where a layer says so. Places are known by
distance only, never by a position that grows, so the state is the same after 10 answers and after 100,000.
Training computes a band of chunks: T * (CHUNK + window) scores instead of T * T.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.models.layers import Dropout
from knowtrace.models.rings import AttentionSettings, Ring

CHUNK = 50
"""Queries of one chunk: shorter ones copy keys more often, longer ones compute more scores that no query may see."""

UNSEEN_SCORE = -1e9
"""Finite, so that a query which sees no key has weights at all; they are then set to zero."""


class LinearDecay(nn.Module):
    """Scores fall linearly with distance, each head at its own learnt slope (ALiBi, Press et al., 2022,
    arXiv:2108.12409; for knowledge tracing FoLiBi, Im et al., 2023, arXiv:2309.01460)."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.log_slope = nn.Parameter(-torch.arange(1, heads + 1) * 5.5 / heads)

    def forward(self, scores: Tensor, distance: Tensor, seen: Tensor) -> Tensor:
        """Return scores (..., heads, Q, S), given distance (Q, S) and which keys are seen, (..., 1, Q, S)."""
        fall = self.log_slope.exp().view(-1, 1, 1) * distance
        return scores + torch.where(seen, -fall, UNSEEN_SCORE)


class MonotonicDecay(nn.Module):
    """Scores shrink by exp(-theta * sqrt(d)), where d is context-aware: steps between, times the attention paid to what
    came after the key (AKT, Ghosh et al., 2020, arXiv:2007.12324; root and stopped gradient as in its authors' code).

    Attention is shared out within the query's own window, so both forms agree.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(heads))

    def forward(self, scores: Tensor, distance: Tensor, seen: Tensor) -> Tensor:
        """Return scores (..., heads, Q, S), given distance (Q, S) and which keys are seen, (..., 1, Q, S)."""
        with torch.no_grad():
            shares = torch.where(seen, scores, UNSEEN_SCORE).softmax(-1)
            # Summed from the latest key backwards: one minus a running sum would lose all digits near the query.
            from_here = shares.flip(-1).cumsum(-1).flip(-1)
            far = (F.pad(from_here[..., 1:], (0, 1)) * distance.clamp(min=0)).sqrt()
        effect = (far * -F.softplus(self.theta).view(-1, 1, 1)).exp()
        return torch.where(seen, scores * effect, UNSEEN_SCORE)


class WindowAttention(nn.Module):
    """Multi-head attention over the steps before a query, and over its own step if it `sees_itself`."""

    def __init__(
        self, width: int, *, heads: int, window: int, sees_itself: bool, decay: LinearDecay | MonotonicDecay
    ) -> None:
        super().__init__()
        self.heads, self.window, self.sees_itself = heads, window, sees_itself
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.decay = decay

    def entry(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the ring keeps of a step: key and value as attention reads them, both (B, ..., E)."""
        return self.key(keys), self.value(values)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Return what each step reads, (B, T, E), from inputs (B, T, E)."""
        key, value = self.entry(keys, values)
        band = _Band.of(queries.shape[1], self.window, queries.device)
        weights = self._weights_of_band(band, queries, key)
        read = weights @ self._split(band.keys_of(value))  # (B, n, h, C, e)
        return self.out(band.join(self._merge(read)))

    def weights(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the attention weights (B, T, heads, W) that `forward` uses; place W - d is d steps before.

        Zero where there is no step; a layer that sees itself has its own step at a further last place.
        """
        num_steps, places = queries.shape[1], self.window + int(self.sees_itself)
        band = _Band.of(num_steps, self.window, queries.device)
        weights = self._weights_of_band(band, queries, self.key(keys)) * band.seen(self.sees_itself)
        place = torch.arange(places, device=queries.device)
        step = torch.arange(band.chunk, device=queries.device).unsqueeze(1)
        column = place + step + band.behind - self.window  # (C, places): where the band keeps that place
        inside = column.ge(0) & column.lt(weights.shape[-1])
        column = column.clamp(0, weights.shape[-1] - 1).expand(*weights.shape[:-1], places)
        found = weights.gather(-1, column) * inside
        return band.join(found.transpose(2, 3))  # (B, T, h, places)

    def attend(
        self, queries: Tensor, ring: Ring, held: Tensor, own: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """Return what queries (B, N, E) read from a student's ring, (B, N, E).

        `own` is the entry of each query's own step, both (B, N, E), for a layer that sees itself.
        """
        query = self._split(self._scaled(queries))  # (B, h, N, e)
        scores = query @ self._split(ring.keys).transpose(-1, -2)  # (B, h, N, W)
        distance = torch.arange(self.window, 0, -1, device=scores.device, dtype=scores.dtype)
        seen = distance <= held
        if own is not None:
            scores = torch.cat([scores, (query * self._split(own[0])).sum(-1, keepdim=True)], dim=-1)
            distance, seen = F.pad(distance, (0, 1)), F.pad(seen, (0, 1), value=True)
        weights = self.decay(scores, distance, seen[:, None, None]).softmax(-1) * seen[:, None, None]
        read = weights[..., : self.window] @ self._split(ring.values)
        if own is not None:
            read = read + weights[..., self.window :] * self._split(own[1])
        return self.out(self._merge(read))

    def _weights_of_band(self, band: "_Band", queries: Tensor, key: Tensor) -> Tensor:
        query = self._split(band.queries_of(self._scaled(queries)))  # (B, n, h, C, e)
        scores = query @ self._split(band.keys_of(key)).transpose(-1, -2)  # (B, n, h, C, S)
        seen = band.seen(self.sees_itself)
        weights = self.decay(scores, band.distance, seen).softmax(-1)
        return weights if self.sees_itself else weights * seen.any(-1, keepdim=True)

    def _scaled(self, queries: Tensor) -> Tensor:
        return self.query(queries) * (queries.shape[-1] // self.heads) ** -0.5

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-2, -3)  # (..., steps, E) -> (..., h, steps, e)

    def _merge(self, x: Tensor) -> Tensor:
        return x.transpose(-2, -3).flatten(-2)


@dataclass(frozen=True)
class _Band:
    """How T steps are cut: n chunks of C queries, each beside the S = behind + C keys that end with it."""

    num_steps: int
    window: int
    chunk: int
    behind: int
    distance: Tensor

    @classmethod
    def of(cls, num_steps: int, window: int, device: torch.device) -> "_Band":
        # Short histories are one chunk with nothing behind it.
        chunk, behind = (
            (num_steps, 0) if num_steps <= CHUNK + window else (CHUNK, -(-window // CHUNK) * CHUNK)
        )
        keys = torch.arange(behind + chunk, device=device)
        queries = torch.arange(behind, behind + chunk, device=device).unsqueeze(1)
        return cls(num_steps, window, chunk, behind, (queries - keys).to(torch.get_default_dtype()))

    def seen(self, itself: bool) -> Tensor:
        """Return which keys a query may see, (n, 1, C, S)."""
        near = self.distance.ge(0 if itself else 1) & self.distance.le(self.window)
        first = torch.arange(-(-self.num_steps // self.chunk), device=near.device) * self.chunk - self.behind
        keys = torch.arange(near.shape[1], device=near.device)
        real = (first.unsqueeze(1) + keys).ge(0)  # (n, S)
        return (near & real.unsqueeze(1)).unsqueeze(1)

    def queries_of(self, x: Tensor) -> Tensor:
        """Return x (B, T, ...) as chunks (B, n, C, ...)."""
        missing = -self.num_steps % self.chunk
        padded = F.pad(x, (0, 0, 0, missing)) if missing else x
        return padded.unflatten(1, (-1, self.chunk))

    def keys_of(self, x: Tensor) -> Tensor:
        """Return for each chunk the keys beside it: (B, T, E) -> (B, n, S, E)."""
        chunks = self.queries_of(x)
        if not self.behind:
            return chunks
        before, num_chunks = self.behind // self.chunk, chunks.shape[1]
        chunks = F.pad(chunks, (0, 0, 0, 0, before, 0))
        return torch.cat([chunks[:, i : i + num_chunks] for i in range(before + 1)], dim=2)

    def join(self, x: Tensor) -> Tensor:
        """Return chunks (B, n, C, ...) as steps (B, T, ...)."""
        return x.flatten(1, 2)[:, : self.num_steps]


class AttentionLayer(nn.Module):
    """Attention, then a small network, each added to its input and normalised (Vaswani et al., 2017)."""

    def __init__(
        self,
        settings: AttentionSettings,
        *,
        sees_itself: bool,
        decay: type[LinearDecay] | type[MonotonicDecay],
    ) -> None:
        super().__init__()
        width, heads = settings.width, settings.heads
        self.attention = WindowAttention(
            width, heads=heads, window=settings.window, sees_itself=sees_itself, decay=decay(heads)
        )
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)
        self.after_attention = nn.LayerNorm(width)
        self.after_network = nn.LayerNorm(width)
        self.dropout = Dropout(settings.dropout)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Return all steps after this layer, (B, T, E)."""
        return self.digest(queries, self.attention(queries, keys, values))

    def attend(
        self, queries: Tensor, ring: Ring, held: Tensor, own: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """Return queries (B, N, E) after this layer, read from a student's ring."""
        return self.digest(queries, self.attention.attend(queries, ring, held, own))

    def digest(self, queries: Tensor, read: Tensor) -> Tensor:
        """Return queries (..., E) after what they read (..., E) has been added and worked on."""
        x = self.after_attention(queries + self.dropout(read))
        return self.after_network(x + self.dropout(self.narrow(self.dropout(F.relu(self.widen(x))))))


def top_influences(weights: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the past steps that weigh most in each prediction: steps (B, T, count) and their weights, heaviest first.

    weights (B, T, W), where place W - d is d steps before, as a model's `influences` gives them; count at most W.
    Where a student has fewer past steps, the step is -1 and the weight 0.
    """
    window = weights.shape[-1]
    heaviest, places = weights.topk(count, dim=-1)
    steps = torch.arange(weights.shape[1], device=weights.device).view(1, -1, 1) - window + places
    real = heaviest.gt(0) & steps.ge(0)
    return torch.where(real, steps, -1), torch.where(real, heaviest, 0.0)
