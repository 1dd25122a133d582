"""Training throughput of our item-level LSTM beside pyKT's DKT: same data, same answers, same cores, one run.

    python benchmarks/training_speed.py --out docs/results/training_speed.json

The peer is pyKT's DKT written as pyKT writes it (pykt-team/pykt-toolkit, git f766468: models/dkt.py,
train_model.py, datasets/data_loader.py): histories cut to 200 and padded to 200, batches of 256, an embedding of
2 * num_c interactions, LSTM of 200, dropout 0.2, a one-hot product to pick the asked skill, binary cross-entropy in
float64, Adam. Ours runs the training loop of this package as it is, at the peer's width and at our default.
Each side runs in a process of its own, in turn; a round is one epoch after one warm-up epoch. The ratio of a round is
of that round's own two figures. `kept heap` is the peer with our allocator setting, which it does not ship.

What makes ours fast, beside the allocator: inputs are mapped once per distinct item of a batch instead of once per
answer, padding is never computed, the recurrence takes its weights' gradient in one product, and masks of dropout
share their draws. All of it is in the model and its layers: the loop trains every model the same way. Busy neighbours
slow ours more than the peer, because its steps are short: take rounds on an idle machine.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.sources import Dataset, read
from knowtrace.training import build_vocabulary, encode, split_students
from knowtrace.training.allocator import keep_freed_memory

DATA = Path(os.environ.get("KNOWTRACE_DATA", "../shared/data"))
SAME_BATCH_ANSWERS = 9_000
"""A batch of the peer, 256 rows of 200, holds about 9,000 real answers of these data."""

PYKT_LENGTH, PYKT_BATCH, PYKT_WIDTH, PYKT_DROPOUT = 200, 256, 200, 0.2


class PyktDKT(nn.Module):
    """pyKT's DKT: one output per skill after an LSTM over interactions."""

    def __init__(self, num_c: int) -> None:
        super().__init__()
        self.num_c = num_c
        self.interaction_emb = nn.Embedding(num_c * 2, PYKT_WIDTH)
        self.lstm_layer = nn.LSTM(PYKT_WIDTH, PYKT_WIDTH, batch_first=True)
        self.dropout_layer = nn.Dropout(PYKT_DROPOUT)
        self.out_layer = nn.Linear(PYKT_WIDTH, num_c)

    def forward(self, q: Tensor, r: Tensor) -> Tensor:
        h, _ = self.lstm_layer(self.interaction_emb(q + self.num_c * r))
        return torch.sigmoid(self.out_layer(self.dropout_layer(h)))


def pykt_epochs(dataset: Dataset, epochs: int) -> list[float]:
    """Return interactions per second of each epoch of pyKT's loop."""
    split = split_students(dataset)
    vocabulary = build_vocabulary(dataset, split.train)
    sequences = encode(dataset, split.train, vocabulary)
    num_c = vocabulary.num_item_indices
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
    model = PyktDKT(num_c)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    real = int((q != -1).sum())
    speeds = []
    for _ in range(epochs):
        began = time.perf_counter()
        for batch_q, batch_r in loader:
            mask = (batch_q[:, 1:] != -1) & (batch_q[:, :-1] != -1)
            c, cshft = batch_q[:, :-1].clamp(min=0), batch_q[:, 1:].clamp(min=0)
            y = model(c, batch_r[:, :-1].clamp(min=0))
            y = (y * F.one_hot(cshft, num_c)).sum(-1)
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


def our_epochs(dataset: Dataset, epochs: int, width: int, precision: str = "float32") -> list[float]:
    """Return interactions per second of each epoch of `knowtrace train`."""
    from knowtrace.training import Recipe, TrainingConfig, train

    speeds = Speeds()
    recipe = Recipe(
        model="dkt",
        settings={"hidden_dim": width, "embedding_dim": width},
        training=TrainingConfig(
            epochs=epochs, patience=epochs + 1, precision=precision, batch_answers=SAME_BATCH_ANSWERS
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        train(dataset, recipe, Path(folder) / "run", reporter=speeds)
    return speeds.speeds


SIDES = {
    "pykt": pykt_epochs,
    "pykt kept heap": lambda data, epochs: [keep_freed_memory(), pykt_epochs(data, epochs)][1],
    "ours 200": lambda data, epochs: our_epochs(data, epochs, 200),
    "ours 200 bfloat16": lambda data, epochs: our_epochs(data, epochs, 200, "bfloat16"),
    "ours 128": lambda data, epochs: our_epochs(data, epochs, 128),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/results/training_speed.json"))
    parser.add_argument("--data", default="assistments2015")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", choices=SIDES, help="internal: run one side and print its speed")
    given = parser.parse_args()
    if given.side:
        torch.set_num_threads(given.threads)
        torch.manual_seed(0)
        print(f"speed={SIDES[given.side](read(DATA / given.data), 2)[-1]}")
        return
    rounds: list[dict[str, float]] = []
    for number in range(given.rounds):
        rounds.append({side: _run_side(side, given) for side in SIDES})
        print(number, {side: round(speed) for side, speed in rounds[-1].items()}, flush=True)
    ratios = {
        f"{ours} / {peer}": [round(r[ours] / r[peer], 2) for r in rounds]
        for ours in ("ours 200", "ours 200 bfloat16", "ours 128")
        for peer in ("pykt", "pykt kept heap")
    }
    report = {
        "command": f"python benchmarks/training_speed.py {' '.join(sys.argv[1:])}".strip(),
        "data": given.data,
        "threads": given.threads,
        "interactions_per_second": rounds,
        "median_ratio": {name: statistics.median(values) for name, values in ratios.items()},
        "ratios": ratios,
    }
    given.out.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    print(report["median_ratio"])


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
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=1800)
    line = next(line for line in done.stdout.splitlines() if line.startswith("speed="))
    return float(line.removeprefix("speed="))


if __name__ == "__main__":
    main()
