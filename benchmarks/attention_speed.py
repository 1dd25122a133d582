"""Training throughput of our attention models beside pyKT's SAKT: same data, same answers, same cores, in turn.

    python benchmarks/attention_speed.py --out docs/results/attention_speed.json

The peer is pyKT's SAKT written as pyKT writes it (pykt-team/pykt-toolkit: models/sakt.py, models/utils.py,
train_model.py, datasets/data_loader.py): histories cut to 200 and padded to 200, batches of 256, vectors of 256,
8 heads, 1 block, dropout 0.2, learnt positions, `nn.MultiheadAttention` over all 200 by 200 pairs,
binary cross-entropy in float64, Adam. pyKT's search chose width and dropout per data set: these are its script's
defaults. Ours runs the training loop of this package as it is, at the peer's width and heads and at our defaults,
with batches that hold about as many real answers. A round is one epoch after one warm-up epoch, each side in a process
of its own; the ratio of a round is of that round's own two figures. `kept heap` is the peer with our allocator setting.

What makes ours faster: histories of like length share a batch, so little padding is computed; a query meets the window
before it, not the whole sequence.
"""

import argparse
import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.models import build_model
from knowtrace.sources import Dataset, read
from knowtrace.training import TrainingConfig, build_vocabulary, encode, fit, split_students
from knowtrace.training.allocator import keep_freed_memory
from knowtrace.training.persons import group_students
from knowtrace.training.sequences import sizes_of
from knowtrace.training.train import prepare

DATA = Path(os.environ.get("KNOWTRACE_DATA", "../shared/data"))

PYKT_LENGTH, PYKT_BATCH, PYKT_WIDTH, PYKT_HEADS, PYKT_BLOCKS, PYKT_DROPOUT = 200, 256, 256, 8, 1, 0.2


class PyktBlock(nn.Module):
    """One of pyKT's SAKT blocks: attention of asked items over past answers, then a network."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(PYKT_WIDTH, PYKT_HEADS, dropout=PYKT_DROPOUT)
        self.attn_dropout = nn.Dropout(PYKT_DROPOUT)
        self.attn_layer_norm = nn.LayerNorm(PYKT_WIDTH)
        self.FFN = nn.Sequential(
            nn.Linear(PYKT_WIDTH, PYKT_WIDTH),
            nn.ReLU(),
            nn.Dropout(PYKT_DROPOUT),
            nn.Linear(PYKT_WIDTH, PYKT_WIDTH),
        )
        self.FFN_dropout = nn.Dropout(PYKT_DROPOUT)
        self.FFN_layer_norm = nn.LayerNorm(PYKT_WIDTH)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k, v = q.permute(1, 0, 2), k.permute(1, 0, 2), v.permute(1, 0, 2)
        causal_mask = torch.triu(torch.ones(k.shape[0], k.shape[0]), diagonal=1).to(dtype=torch.bool)
        attn_emb, _ = self.attn(q, k, v, attn_mask=causal_mask)
        attn_emb = self.attn_dropout(attn_emb)
        attn_emb, q = attn_emb.permute(1, 0, 2), q.permute(1, 0, 2)
        attn_emb = self.attn_layer_norm(q + attn_emb)
        emb = self.FFN_dropout(self.FFN(attn_emb))
        return self.FFN_layer_norm(attn_emb + emb)


class PyktSAKT(nn.Module):
    """pyKT's SAKT: past interactions with positions, asked items, blocks, one output per step."""

    def __init__(self, num_c: int) -> None:
        super().__init__()
        self.num_c = num_c
        self.interaction_emb = nn.Embedding(num_c * 2, PYKT_WIDTH)
        self.exercise_emb = nn.Embedding(num_c, PYKT_WIDTH)
        self.position_emb = nn.Embedding(PYKT_LENGTH, PYKT_WIDTH)
        self.blocks = nn.ModuleList(PyktBlock() for _ in range(PYKT_BLOCKS))
        self.dropout_layer = nn.Dropout(PYKT_DROPOUT)
        self.pred = nn.Linear(PYKT_WIDTH, 1)

    def forward(self, q: Tensor, r: Tensor, qry: Tensor) -> Tensor:
        qshftemb, xemb = self.exercise_emb(qry), self.interaction_emb(q + self.num_c * r)
        xemb = xemb + self.position_emb(torch.arange(q.shape[1]).unsqueeze(0))
        for block in self.blocks:
            xemb = block(qshftemb, xemb, xemb)
        return torch.sigmoid(self.pred(self.dropout_layer(xemb))).squeeze(-1)


def pykt_epochs(dataset: Dataset, epochs: int) -> list[float]:
    """Return interactions per second of each epoch of pyKT's loop."""
    split = split_students(dataset)
    vocabulary = build_vocabulary(dataset, split.train)
    sequences = encode(dataset, split.train, vocabulary)
    rows_q, rows_r = [], []
    for first, last in zip(sequences.starts[:-1], sequences.starts[1:], strict=True):
        for start in range(first, last, PYKT_LENGTH):
            piece = slice(start, min(start + PYKT_LENGTH, last))
            size = piece.stop - piece.start
            if size >= 3:
                rows_q.append(np.pad(sequences.items[piece], (0, PYKT_LENGTH - size), constant_values=-1))
                rows_r.append(np.pad(sequences.responses[piece], (0, PYKT_LENGTH - size), constant_values=-1))
    q, r = torch.tensor(np.array(rows_q)), torch.tensor(np.array(rows_r))
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(q, r), batch_size=PYKT_BATCH, shuffle=True
    )
    model = PyktSAKT(vocabulary.num_item_indices)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    real = int((q != -1).sum())
    speeds = []
    for _ in range(epochs):
        began = time.perf_counter()
        for batch_q, batch_r in loader:
            mask = (batch_q[:, 1:] != -1) & (batch_q[:, :-1] != -1)
            c, cshft = batch_q[:, :-1].clamp(min=0), batch_q[:, 1:].clamp(min=0)
            y = model(c, batch_r[:, :-1].clamp(min=0), cshft)
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


PEER = {"width": PYKT_WIDTH, "heads": PYKT_HEADS}
SAME_BATCH_ANSWERS = 9_000
"""A batch of the peer, 256 rows of 200, holds about 9,000 real answers of ASSISTments 2015."""

SIDES: dict[str, Callable[[Dataset, int], list[float]]] = {
    "pykt sakt": pykt_epochs,
    "pykt sakt kept heap": lambda data, epochs: [keep_freed_memory(), pykt_epochs(data, epochs)][1],
    "sakt 256": lambda data, epochs: our_epochs(data, epochs, "sakt", SAME_BATCH_ANSWERS, PEER),
    "sakt": lambda data, epochs: our_epochs(data, epochs, "sakt", SAME_BATCH_ANSWERS, {}),
    "simplekt": lambda data, epochs: our_epochs(data, epochs, "simplekt", SAME_BATCH_ANSWERS, {}),
    "akt": lambda data, epochs: our_epochs(data, epochs, "akt", SAME_BATCH_ANSWERS, {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/results/attention_speed.json"))
    parser.add_argument("--data", default="assistments2015")
    parser.add_argument("--students", type=int, help="take this many students of the data only")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", choices=SIDES, help="internal: run one side and print its speed")
    given = parser.parse_args()
    if given.side:
        torch.set_num_threads(given.threads)
        torch.manual_seed(0)
        print(f"speed={SIDES[given.side](_dataset(given), 2)[-1]}")
        return
    rounds: list[dict[str, float]] = []
    for number in range(given.rounds):
        rounds.append({side: _run_side(side, given) for side in SIDES})
        print(number, {side: round(speed) for side, speed in rounds[-1].items()}, flush=True)
    ratios = {
        f"{ours} / {peer}": [round(r[ours] / r[peer], 2) for r in rounds]
        for ours in SIDES
        if not ours.startswith("pykt")
        for peer in ("pykt sakt", "pykt sakt kept heap")
    }
    report = {
        "command": f"python benchmarks/attention_speed.py {' '.join(sys.argv[1:])}".strip(),
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
