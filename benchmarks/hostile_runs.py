"""Hostile variants of a real run: is every one refused, in our words, before anything of it runs?

    PYTHONPATH=tests:. python benchmarks/hostile_runs.py --variants 500

A small model is trained, sealed and signed. Each variant is one change to a copy of it
(`tests/registry/hostile_kinds.py`), opened in a process of its own that may take 1 GiB more than before and 30 seconds
(`tests/registry/hostile.py`). Everything that serving and evaluation do with a run is done. Written down for each kind:

    refused       an error of ours; anything else is listed by name
    did           what an opened file must never do: look up a class, start a program, compile code, call out
    seconds, MB   the most that one took, beyond what the process had; and its trial, the process's own included
"""

import argparse
import os
import shutil
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from registry.hostile import Variant, Verdict, judge
from registry.hostile_kinds import variants
from server_process import machine, write_result

from knowtrace.registry import Run
from knowtrace.registry.signing import make_keys, sign
from knowtrace.sources import SimulationConfig, read, simulate, write_simulation
from knowtrace.training import Recipe, TrainingConfig, train
from tests.conftest import SilentReporter


def trained(folder: Path) -> Run:
    data = folder / "data"
    config = SimulationConfig(num_students=150, num_answers=40, num_items=30, num_skills=5, num_categories=2)
    write_simulation(simulate(config, seed=3), data)
    recipe = Recipe(
        model="dkt",
        settings={"embedding_dim": 16, "hidden_dim": 16},
        training=TrainingConfig(epochs=3, batch_answers=1024, learning_rate=0.01),
    )
    return train(read(data), recipe, folder / "run", reporter=SilentReporter())


def tried(variant: Variant, run: Run, keys: Path, work: Path) -> Verdict:
    """Make a variant of a run and open it."""
    shutil.rmtree(work, ignore_errors=True)
    folder = work / run.version
    # Links cost nothing; a variant writes anew what it changes.
    shutil.copytree(run.path, folder, copy_function=os.link)
    variant.make(folder)
    return judge(variant, folder, keys / "trusted.pub", version=run.version)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variants", type=int, default=500)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=Path, default=Path("docs/results/hostile_runs.json"))
    arguments = parser.parse_args()
    started = time.perf_counter()
    found: dict[str, list[tuple[Variant, Verdict]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = trained(folder)
        for key in ("trusted", "stranger"):
            make_keys(folder / key, folder / f"{key}.pub")
        sign(run.path, folder / "trusted")
        whole = tried(Variant("whole", "whole", lambda _: None), run, folder, folder / "work")
        for variant in variants(arguments.variants, seed=arguments.seed, keys=folder):
            verdict = tried(variant, run, folder, folder / "work")
            found[variant.kind].append((variant, verdict))
            if verdict.outcome != "refused" or verdict.did:
                print(variant.kind, "|", variant.name, "|", verdict)
    everything = [pair for pairs in found.values() for pair in pairs]
    result = {
        "machine": machine(),
        "variants": len(everything),
        "seed": arguments.seed,
        "refused": sum(verdict.outcome == "refused" for _, verdict in everything),
        "ran_code": sum(bool(verdict.did) for _, verdict in everything),
        "crashed": sum(verdict.outcome == "crashed" for _, verdict in everything),
        "the_run_itself": {"outcome": whole.outcome, **_cost([whole])},
        "most": _cost([verdict for _, verdict in everything]),
        "kinds": {
            kind: {
                "variants": len(pairs),
                "refused": sum(verdict.outcome == "refused" for _, verdict in pairs),
                **_cost([verdict for _, verdict in pairs]),
            }
            for kind, pairs in found.items()
        },
        "not_refused": [
            {"kind": variant.kind, "name": variant.name, "outcome": verdict.outcome, "said": verdict.said}
            for variant, verdict in everything
            if verdict.outcome != "refused"
        ],
        "seconds": round(time.perf_counter() - started, 1),
    }
    write_result(arguments.out, result)


def _cost(verdicts: list[Verdict]) -> dict[str, float]:
    return {
        "seconds": round(max(verdict.seconds for verdict in verdicts), 3),
        "megabytes": round(max(verdict.megabytes for verdict in verdicts), 1),
        "trial_megabytes": round(max(verdict.trial_megabytes for verdict in verdicts), 1),
    }


if __name__ == "__main__":
    main()
