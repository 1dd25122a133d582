"""Where training stands, in one safetensors file that is replaced in one step: a kill leaves the old or the new."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from knowtrace.errors import TrainingError

UNFINISHED = ".writing"
"""How a checkpoint's name ends until all of it is written."""


@dataclass(frozen=True)
class Checkpoint:
    """Everything that the next epoch depends on: tensors by name, and plain values."""

    tensors: dict[str, Tensor]
    progress: dict[str, Any]

    def group(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose name starts with `prefix/`, without it."""
        start = f"{prefix}/"
        return {name[len(start) :]: tensor for name, tensor in self.tensors.items() if name.startswith(start)}


def grouped(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors renamed to `prefix/name`, detached and contiguous."""
    return {f"{prefix}/{name}": tensor.detach().contiguous() for name, tensor in tensors.items()}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an optimizer's state as named tensors: parameter number and quantity."""
    return {
        f"{number}.{quantity}": value.clone()
        for number, values in optimizer.state_dict()["state"].items()
        for quantity, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, quantity = name.split(".", 1)
        state.setdefault(int(number), {})[quantity] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    unfinished = path.with_suffix(UNFINISHED)
    # Averaged and best weights may share memory with the model's own; a file holds each on its own.
    tensors = {name: tensor.clone() for name, tensor in checkpoint.tensors.items()}
    save_file(tensors, unfinished, metadata={"progress": json.dumps(checkpoint.progress)})
    unfinished.replace(path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        TrainingError: the file is not one of ours.
    """
    try:
        with safe_open(path, framework="pt") as file:
            progress = json.loads((file.metadata() or {})["progress"])
            return Checkpoint({name: file.get_tensor(name) for name in file.keys()}, progress)  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        raise TrainingError(
            f"{path} is not a checkpoint ({error}). Delete it to start from the beginning."
        ) from error
