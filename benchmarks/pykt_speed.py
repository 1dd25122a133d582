"""Training throughput beside pyKT's own models: same data, same answers, same cores, in turn.

    pip install --target build/pykt --no-deps pykt-toolkit==0.0.38
    python benchmarks/pykt_speed.py --pykt build/pykt --out docs/results/pykt_speed.json

The peer's models are those of its last release, imported from where pip put them, at the sizes that its scripts default
to (DKT 200 wide; SAKT 256, 8 heads, 1 block; AKT 256, 8 heads) but for AKT one block as ours has, where its script has
four, and for DKVMN 20 slots of 100, as many as a state of ours may hold, where its script has 50 of 200: both make the
peer faster. They are trained as its `train_model` does: histories cut to 200 and padded to 200, batches of 256, binary
cross-entropy in float64, Adam. Ours runs the training loop of this package as it is, at the peer's sizes and at our
defaults, with batches that hold about as many real answers. `deep-gpcm` is DKVMN with another head. simpleKT is newer
than the release: it is held against AKT, which it simplifies.

A round is one epoch after one warm-up epoch, each side in a process of its own; the ratio of a round is of that round's
own two figures. `kept heap` is the peer with our allocator setting.

What makes ours faster: histories of like length share a batch, so little padding is computed; a query meets the window
before it, not the whole sequence; the recurrence has a backward pass of its own.
"""

import argparse
import dataclasses
import importlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import orjson
import torch
from torch import Tensor
from torch.nn import functional as F

from knowtrace.models import build_model
from knowtrace.sources import Dataset, read
from knowtrace.training import TrainingConfig, build_vocabulary, encode, fit, split_students
from knowtrace.training.allocator import keep_freed_memory
from knowtrace.training.persons import group_students
from knowtrace.training.sequences import sizes_of
from knowtrace.training.train import prepare

DATA = Path(os.environ.get("KNOWTRACE_DATA", "../shared/data"))

LENGTH, BATCH, DROPOUT = 200, 256, 0.2
KEPT = " kept heap"
BATCH_ANSWERS = 9_000
"""A batch of the peer, 256 rows of 200, holds about 9,000 real answers of ASSISTments 2015."""

OURS: dict[str, tuple[str, dict[str, Any], str]] = {
    "dkt 200": ("dkt", {"embedding_dim": 200, "hidden_dim": 200}, "pykt dkt"),
    "dkt": ("dkt", {}, "pykt dkt"),
    "deep-gpcm 100": (
        "deep-gpcm",
        {"slots": 20, "value_dim": 100, "item_dim": 100, "summary_dim": 100},
        "pykt dkvmn",
    ),
    "deep-gpcm": ("deep-gpcm", {}, "pykt dkvmn"),
    "sakt 256": ("sakt", {"width": 256, "heads": 8}, "pykt sakt"),
    "sakt": ("sakt", {}, "pykt sakt"),
    "akt 256": ("akt", {"width": 256, "heads": 8}, "pykt akt"),
    "akt": ("akt", {}, "pykt akt"),
    "simplekt": ("simplekt", {}, "pykt akt"),
}
"""Each of ours: its model, its settings, and the peer it is held against."""

PEERS = tuple(dict.fromkeys(peer for _, _, peer in OURS.values()))
SIDES = (*PEERS, *(f"{peer}{KEPT}" for peer in PEERS), *OURS)


def peer_model(name: str, num_items: int) -> Any:
    """Return one of pyKT's models."""
    for package in ("pykt", "pykt.models"):
        # Without its own `__init__`, which imports all of pyKT and what that needs.
        module = ModuleType(package)
        module.__path__ = [str(Path(sys.path[0]) / package.replace(".", "/"))]
        sys.modules[package] = module
    # Its files import pandas and use it for other things.
    with mock.patch.dict(sys.modules, {"pandas": ModuleType("pandas")}):
        found = importlib.import_module(f"pykt.models.{name}")
    match name:
        case "dkt":
            return found.DKT(num_items, 200, dropout=DROPOUT)
        case "dkvmn":
            return found.DKVMN(num_items, 100, 20, dropout=DROPOUT)
        case "sakt":
            return found.SAKT(num_items, LENGTH, 256, 8, DROPOUT, num_en=1)
        case _:
            return found.AKT(num_items, 0, 256, 1, DROPOUT, d_ff=512, num_attn_heads=8)


def peer_foretold(model: Any, items: Tensor, responses: Tensor) -> Tensor:
    """Return the probabilities (B, 199) of all answers but the first, as pyKT's `model_forward` asks for them."""
    before, asked, given = items[:, :-1], items[:, 1:], responses[:, :-1]
    match model.model_name:
        case "dkt":
            return (model(before, given) * F.one_hot(asked, model.num_c)).sum(-1)
        case "sakt":
            return model(before, given, asked)
        case "dkvmn":
            return model(items, responses)[:, 1:]
        case _:
            return model(items, responses, None)[0][:, 1:]


def peer_epochs(name: str, dataset: Dataset, epochs: int) -> list[float]:
    """Return interactions per second of each epoch of pyKT's loop."""
    split = split_students(dataset)
    vocabulary = build_vocabulary(dataset, split.train)
    sequences = encode(dataset, split.train, vocabulary)
    rows_q, rows_r = [], []
    for first, last in zip(sequences.starts[:-1], sequences.starts[1:], strict=True):
        for start in range(first, last, LENGTH):
            piece = slice(start, min(start + LENGTH, last))
            size = piece.stop - piece.start
            if size >= 3:
                rows_q.append(np.pad(sequences.items[piece], (0, LENGTH - size), constant_values=-1))
                rows_r.append(np.pad(sequences.responses[piece], (0, LENGTH - size), constant_values=-1))
    q, r = torch.tensor(np.array(rows_q)), torch.tensor(np.array(rows_r))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(q, r), batch_size=BATCH, shuffle=True)
    model = peer_model(name, vocabulary.num_item_indices)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    real = int((q != -1).sum())
    speeds = []
    for _ in range(epochs):
        began = time.perf_counter()
        for batch_q, batch_r in loader:
            mask = (batch_q[:, 1:] != -1) & (batch_q[:, :-1] != -1)
            y = peer_foretold(model, batch_q.clamp(min=0), batch_r.clamp(min=0))
            loss = F.binary_cross_entropy(
                torch.masked_select(y, mask).double(), torch.masked_select(batch_r[:, 1:], mask).double()
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        speeds.append(real / (time.perf_counter() - began))
    return speeds


class Speeds:
    """Collects interactions per second from our training loop."""

    def __init__(self) -> None:
        self.speeds: list[float] = []

    def begin(self, **_: int) -> None: ...
    def advance(self, answers: int) -> None: ...
    def warn(self, text: str) -> None: ...
    def epoch(self, record: dict[str, Any]) -> None:
        self.speeds.append(record["interactions_per_second"])


def our_epochs(
    dataset: Dataset, epochs: int, model: str, batch_answers: int, settings: dict[str, Any]
) -> list[float]:
    """Return interactions per second of each epoch of our training loop."""
    keep_freed_memory()
    split = split_students(dataset)
    vocabulary = build_vocabulary(dataset, split.train)
    groups = group_students(split.train, (), seed=0)
    learnt = encode(dataset, split.train, vocabulary, groups=groups)
    valid = encode(dataset, split.valid, vocabulary)
    built = build_model(model, sizes_of(vocabulary), settings)
    prepare(built, vocabulary, learnt)
    speeds = Speeds()
    training = TrainingConfig(epochs=epochs, patience=epochs + 1, batch_answers=batch_answers)
    with tempfile.TemporaryDirectory() as folder:
        fit(built, learnt, valid, training, reporter=speeds, checkpoint=Path(folder) / "checkpoint")
    return speeds.speeds


def speed_of(side: str, dataset: Dataset) -> float:
    """Return the interactions per second of the second epoch."""
    if side in OURS:
        model, settings, _ = OURS[side]
        return our_epochs(dataset, 2, model, BATCH_ANSWERS, settings)[-1]
    if side.endswith(KEPT):
        keep_freed_memory()
    return peer_epochs(side.removeprefix("pykt ").removesuffix(KEPT), dataset, 2)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/results/pykt_speed.json"))
    parser.add_argument("--data", default="assistments2015")
    parser.add_argument("--students", type=int, help="take this many students of the data only")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pykt", type=Path, required=True, help="the folder that pip installed pyKT into")
    parser.add_argument("--peers", default="dkt,dkvmn,sakt,akt", help="only these, and ours against them")
    parser.add_argument("--side", choices=SIDES, help="internal: run one side and print its speed")
    given = parser.parse_args()
    if given.side:
        torch.set_num_threads(given.threads)
        torch.manual_seed(0)
        sys.path.insert(0, str(given.pykt.resolve()))
        print(f"speed={speed_of(given.side, _dataset(given))}")
        return
    peers = [f"pykt {name}" for name in given.peers.split(",")]
    ours = {side: peer for side, (_, _, peer) in OURS.items() if peer in peers}
    sides = (*peers, *(f"{peer}{KEPT}" for peer in peers), *ours)
    rounds: list[dict[str, float]] = []
    for number in range(given.rounds):
        rounds.append({side: _run_side(side, given) for side in sides})
        print(number, {side: round(speed) for side, speed in rounds[-1].items()}, flush=True)
    ratios = {
        f"{side} / {peer}{heap}": [round(r[side] / r[f"{peer}{heap}"], 2) for r in rounds]
        for side, peer in ours.items()
        for heap in ("", KEPT)
    }
    report = {
        "command": f"python benchmarks/pykt_speed.py {' '.join(sys.argv[1:])}".strip(),
        "data": given.data,
        "students": given.students or "all",
        "threads": given.threads,
        "interactions_per_second": rounds,
        "median_ratio": {name: statistics.median(values) for name, values in ratios.items()},
        "ratios": ratios,
    }
    given.out.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    print(report["median_ratio"])


def _dataset(given: argparse.Namespace) -> Dataset:
    dataset = read(DATA / given.data)
    if given.students is None:
        return dataset
    chosen = sorted(dataset.students)[: given.students]
    return dataclasses.replace(dataset, students={s: dataset.students[s] for s in chosen})


def _run_side(side: str, given: argparse.Namespace) -> float:
    command = [
        sys.executable,
        __file__,
        "--side",
        side,
        "--pykt",
        str(given.pykt),
        "--data",
        given.data,
        "--threads",
        str(given.threads),
        *(["--students", str(given.students)] if given.students else []),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=1800)
    line = next(line for line in done.stdout.splitlines() if line.startswith("speed="))
    return float(line.removeprefix("speed="))


if __name__ == "__main__":
    main()
