"""What attention keeps of one student between steps: rings of the last keys and values, in a state of bounded size."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from knowtrace.errors import TrainingError
from knowtrace.models.contract import LARGEST_STATE_BYTES

ATTENTION_RANGES = {"width": (1, 4096), "heads": (1, 64), "window": (1, 4096)}


class AttentionSettings(Protocol):
    """What the configs of attention models have in common."""

    @property
    def width(self) -> int: ...

    @property
    def heads(self) -> int: ...

    @property
    def window(self) -> int: ...

    @property
    def dropout(self) -> float: ...


def check_rings(settings: AttentionSettings, *, num_rings: int, others: int = 0) -> None:
    """Check that heads share the width evenly and that a state of `num_rings` rings and `others` floats is allowed.

    Raises:
        TrainingError: naming every setting that must change.
    """
    window, width, heads = settings.window, settings.width, settings.heads
    problems: list[str] = []
    if width % heads:
        problems.append(f"heads ({heads}) must divide width ({width})")
    size = 4 * (1 + 2 * num_rings * window * width + others)
    if size > LARGEST_STATE_BYTES:
        problems.append(
            f"window ({window}) and width ({width}) make a state of {size:,} bytes in {num_rings} rings; "
            f"at most {LARGEST_STATE_BYTES:,} are allowed: lower one of them"
        )
    if problems:
        raise TrainingError("; ".join(problems) + ".")


@dataclass(frozen=True)
class Ring:
    """The last W keys and values of one layer, (B, W, E) each, the latest in the last place."""

    keys: Tensor
    values: Tensor

    def push(self, key: Tensor, value: Tensor) -> "Ring":
        """Return the ring with one key and one value (B, 1, E) more, and the oldest dropped."""
        return Ring(torch.cat([self.keys[:, 1:], key], 1), torch.cat([self.values[:, 1:], value], 1))


@dataclass(frozen=True)
class Rings:
    """A student's state as attention reads it: held (B, 1), answers kept so far, at most W; a ring per layer."""

    held: Tensor
    layers: tuple[Ring, ...]

    @classmethod
    def of(cls, state: Tensor, settings: AttentionSettings) -> "Rings":
        """Return the rings in a flat state (B, 1 + 2 * L * W * E)."""
        blocks = state[:, 1:].unflatten(1, (-1, settings.window, settings.width)).unbind(1)
        return cls(state[:, :1], tuple(map(Ring, blocks[::2], blocks[1::2])))

    def push(self, *entries: tuple[Tensor, Tensor]) -> Tensor:
        """Return the flat state after one more key and value (B, 1, E) for each layer."""
        layers = [ring.push(*entry) for ring, entry in zip(self.layers, entries, strict=True)]
        held = (self.held + 1).clamp(max=self.layers[0].keys.shape[1])
        blocks = [block.flatten(1) for ring in layers for block in (ring.keys, ring.values)]
        return torch.cat([held, *blocks], dim=1)
