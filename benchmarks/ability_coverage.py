"""Coverage of the 90 % intervals of abilities on simulated students, and whether their spread tells the error.

    python benchmarks/ability_coverage.py --out docs/results/ability_coverage.json

Bayesian GPCM is trained on simulated students; after the whole history of each test student its ability in every skill
is held against the true one. Gaming students answer blindly, so what they show is not what they know: they are
reported apart as well.
"""

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch

from knowtrace.evaluation.ability_recovery import link
from knowtrace.models import build_model, usual_training
from knowtrace.models.bayesian_gpcm import BayesianGPCM
from knowtrace.sources import SimulationConfig, simulate
from knowtrace.training import TrainingConfig, build_vocabulary, encode, fit, split_students
from knowtrace.training.sequences import sizes_of
from knowtrace.training.train import prepare

CONDITIONS = {
    "K = 4, gaming and drift": SimulationConfig(
        num_students=400, num_answers=60, num_items=100, num_skills=5, num_categories=4
    ),
    "K = 4, neither": SimulationConfig(
        num_students=400,
        num_answers=60,
        num_items=100,
        num_skills=5,
        num_categories=4,
        gaming_share=0.0,
        drifting_share=0.0,
    ),
    "K = 2, gaming and drift": SimulationConfig(
        num_students=400, num_answers=60, num_items=100, num_skills=5
    ),
}


class Quiet:
    def begin(self, *, epochs: int, answers_per_epoch: int, epochs_done: int) -> None: ...
    def advance(self, answers: int) -> None: ...
    def epoch(self, record: dict[str, Any]) -> None: ...
    def warn(self, text: str) -> None: ...


def measure(config: SimulationConfig, seed: int) -> dict[str, Any]:
    simulation = simulate(config, seed)
    dataset = simulation.dataset
    split = split_students(dataset)
    vocabulary = build_vocabulary(dataset, split.train)
    train, valid, test = (
        encode(dataset, part, vocabulary) for part in (split.train, split.valid, split.test)
    )
    torch.manual_seed(seed)
    model = build_model("bayesian-gpcm", sizes_of(vocabulary))
    prepare(model, vocabulary, train)
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingConfig(**usual_training("bayesian-gpcm"))
        result = fit(model, train, valid, settings, reporter=Quiet(), checkpoint=Path(folder) / "checkpoint")
    trained = result.model
    assert isinstance(trained, BayesianGPCM)
    batch = test.batch(np.arange(len(test.student_ids)))
    with torch.no_grad():
        state = trained.initial_state(len(test.student_ids))
        # Simulated histories are equally long, so no student sees padding.
        for t in range(batch.items.shape[1]):
            state = trained.observe(state, batch.answer_at(t))
        mean, std = (x.double().numpy() for x in trained.ability(state))
        figures = trained.items.mean.double().numpy()
    linked = link(
        simulation,
        vocabulary,
        test.student_ids,
        mean=mean,
        std=std,
        locations=figures[:, 0],
        log_discriminations=figures[:, 1],
    )
    gaming = {s.student_id for s in simulation.students if s.is_gaming}
    honest = [student_id not in gaming for student_id in linked.student_ids]
    return {
        "all students": dataclasses.asdict(linked.recovery()),
        "without gaming students": dataclasses.asdict(linked.recovery(honest)),
        "validation NLL": result.best["valid_nll"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    began = time.perf_counter()
    conditions = {
        name: [measure(config, seed) for seed in range(1, arguments.seeds + 1)]
        for name, config in CONDITIONS.items()
    }
    result = {
        "command": f"python benchmarks/ability_coverage.py --out {arguments.out} --seeds {arguments.seeds}",
        "conditions": conditions,
        "seconds": time.perf_counter() - began,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
