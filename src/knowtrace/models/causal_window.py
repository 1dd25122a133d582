"""Attention over a bounded window of the past: all steps at once as a band, step by step as a row of kept answers.

A query at step t attends to the answers of steps t - window to t - 1 and to a learnt place that stands for "nothing
yet", so that a student without answers has something to attend to. How far back an answer lies enters as a learnt
bias per head and distance. Attention: Vaswani et al., 2017, arXiv:1706.03762.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CausalWindow(nn.Module):
    """Keys and values of the last answers, (window, 2 * width) a student, oldest first."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.width, self.heads, self.window = width, heads, window
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.nothing = nn.Parameter(0.1 * torch.randn(2 * width))
        self.by_distance = nn.Parameter(torch.zeros(window, heads))

    def forward(self, queries: Tensor, answers: Tensor) -> Tensor:
        """Return what each step's query (B, T, width) finds in the answers (B, T, width) before it: (B, T, width)."""
        num_steps = queries.shape[1]
        block = min(self.window, num_steps)
        padding = -num_steps % block
        asked = F.pad(self._by_head(self.query(queries)), (0, 0, 0, 0, 0, padding))  # (B, T', heads, head)
        asked = asked.unflatten(1, (-1, block))  # (B, blocks, block, heads, head)
        kept = F.pad(self.key_value(answers), (0, 0, block, padding))
        kept = kept.unfold(1, 2 * block, block).transpose(2, 3)  # (B, blocks, 2 * block, 2 * width)
        keys, values = (self._by_head(x) for x in kept.chunk(2, dim=-1))
        scores = torch.einsum("nbqhd,nbkhd->nbqkh", asked, keys) * self._scale
        row = torch.arange(block, device=queries.device)
        column = torch.arange(2 * block, device=queries.device)
        distance = row.unsqueeze(1) + block - column  # (block, 2 * block), in steps back
        first = torch.arange(asked.shape[1], device=queries.device).view(-1, 1, 1) * block - block
        seen = (
            (distance >= 1) & (distance <= self.window) & (first + column >= 0)
        )  # (blocks, block, 2 * block)
        scores = scores + self.by_distance[(distance - 1).clamp(0, self.window - 1)]
        scores = scores.masked_fill(~seen.unsqueeze(-1), -torch.inf)
        null_key, null_value = (self._by_head(x) for x in self.nothing.chunk(2))
        null = torch.einsum("nbqhd,hd->nbqh", asked, null_key) * self._scale
        weights = torch.cat([scores, null.unsqueeze(3)], dim=3).softmax(3)
        found = torch.einsum("nbqkh,nbkhd->nbqhd", weights[:, :, :, :-1], values)
        found = found + weights[:, :, :, -1].unsqueeze(-1) * null_value
        return found.flatten(3).flatten(1, 2)[:, :num_steps]

    @property
    def state_size(self) -> int:
        """Floats of a student's state: the window, and how many answers it holds."""
        return self.window * 2 * self.width + 1

    def keep(self, state: Tensor, answers: Tensor) -> Tensor:
        """Return the state (B, state_size) after one answer (B, width) each: the oldest answer makes room."""
        rows, count = state[:, :-1], state[:, -1:]
        rows = torch.cat([rows[:, 2 * self.width :], self.key_value(answers)], dim=-1)
        return torch.cat([rows, (count + 1).clamp(max=self.window)], dim=-1)

    def find(self, state: Tensor, queries: Tensor) -> Tensor:
        """Return what queries (B, N, width) find in a state: (B, N, width)."""
        rows = state[:, :-1].unflatten(-1, (self.window, 2 * self.width))
        keys, values = (self._by_head(x) for x in rows.chunk(2, dim=-1))  # (B, window, heads, head)
        asked = self._by_head(self.query(queries))
        distance = torch.arange(self.window, 0, -1, device=state.device)
        scores = torch.einsum("bqhd,bkhd->bqkh", asked, keys) * self._scale + self.by_distance.flip(0)
        seen = distance <= state[:, -1:]  # (B, window)
        scores = torch.where(seen[:, None, :, None], scores, -torch.inf)
        null_key, null_value = (self._by_head(x) for x in self.nothing.chunk(2))
        null = torch.einsum("bqhd,hd->bqh", asked, null_key) * self._scale
        weights = torch.cat([scores, null.unsqueeze(2)], dim=2).softmax(2)
        found = torch.einsum("bqkh,bkhd->bqhd", weights[:, :, :-1], values)
        return (found + weights[:, :, -1].unsqueeze(-1) * null_value).flatten(2)

    @property
    def _scale(self) -> float:
        return (self.width // self.heads) ** -0.5

    def _by_head(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1))
