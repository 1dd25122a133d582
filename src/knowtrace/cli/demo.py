"""`knowtrace demo`: from logged answers to a live mastery page, in one command."""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from knowtrace.cli.live import LiveService, free_port
from knowtrace.cli.terminal import TerminalReporter, out, say
from knowtrace.domain import Interaction
from knowtrace.errors import RunError
from knowtrace.registry import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knowtrace.evaluation import Evaluation
    from knowtrace.sources import Dataset

BASELINES = ("item-mean", "best-lr")
SHOWN = "mingru"
SHOWN_EPOCHS = 8
"""A quarter of its usual ones: most of its accuracy, at a wait that a first look can bear."""
REPLAYED_STUDENTS = 25
FEWEST_ANSWERS, MOST_ANSWERS = 40, 250
RESAMPLES = 200


def demo_command(
    once: Annotated[
        bool, typer.Option("--once", help="Stop after the replay instead of serving on.")
    ] = False,
    folder: Annotated[Path, typer.Option(help="Where runs and the database go.")] = Path("demo"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")] = 0,
) -> None:
    """Train on real answers, judge, serve, replay held-out students as live events, and show a page.

    Reads ASSISTments 2009 from the folder that KNOWTRACE_DATA names; without it, simulated students.

    Example: knowtrace demo --once
    """
    began = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    dataset = _dataset(folder)
    say(f"Data: {dataset.name}, {dataset.num_interactions:,} answers of {len(dataset.students):,} students.")
    runs = _trained_all(dataset, folder / "runs")
    _show_results(runs, dataset)
    database = _fresh_database(folder)
    histories = _held_out(dataset, runs[SHOWN])
    with LiveService(runs[SHOWN].path, database, port or free_port()) as service:
        sent = 0
        for history in histories[1:]:
            sent += service.send(history)
        watched = histories[0]
        half = len(watched) // 2
        sent += service.send(watched[:half])
        page = f"{service.address}/students/{watched[0].student_id}"
        service.check_page(page)
        out.print(
            f"Replayed {sent:,} answers of {len(histories)} held-out students as live events "
            f"(their times are the replay's); {time.perf_counter() - began:.0f} s in all."
        )
        out.print(f"All students: {service.address}/\nA page worth opening: {page}", soft_wrap=True)
        if once:
            service.send(watched[half:])
            return
        say("That student now answers once a second: watch the page move. Ctrl-C ends the demo.")
        try:
            for interaction in watched[half:]:
                time.sleep(1)
                service.send([interaction])
            say("The student is done; the service goes on until Ctrl-C.")
            service.wait()
        except KeyboardInterrupt:
            say("Stopped.")


def _dataset(folder: Path) -> "Dataset":
    from knowtrace.sources import SimulationConfig, read, simulate, write_simulation  # noqa: PLC0415

    data = Path(os.environ.get("KNOWTRACE_DATA", "../shared/data")) / "assistments2009"
    if data.is_dir():
        return read(data)
    simulated = folder / "simulated"
    say(f"No real data at {data} (set KNOWTRACE_DATA): the demo uses simulated students instead.")
    if not simulated.is_dir():
        config = SimulationConfig(num_students=2_000, num_answers=100, num_items=500, num_skills=20)
        write_simulation(simulate(config, seed=0), simulated)
    return read(simulated)


def _trained_all(dataset: "Dataset", folder: Path) -> dict[str, Run]:
    from knowtrace.training.persons import same_students  # noqa: PLC0415 - torch takes seconds to import

    clusters = same_students(dataset)
    return {name: _trained(name, dataset, folder / name, clusters) for name in (*BASELINES, SHOWN)}


def _trained(name: str, dataset: "Dataset", path: Path, clusters: "Sequence[Sequence[str]]") -> Run:
    """Train a model, or take the run that an earlier demo left of the same recipe and data."""
    from knowtrace.models import usual_training  # noqa: PLC0415 - torch takes seconds to import
    from knowtrace.training import (  # noqa: PLC0415
        Recipe,
        TrainingConfig,
        fingerprint,
        load_model,
        recipe_of,
        train,
    )

    usual = TrainingConfig(**usual_training(name))
    recipe = Recipe(model=name, training=replace(usual, epochs=SHOWN_EPOCHS) if name == SHOWN else usual)
    try:
        run = Run.open(path)
        load_model(run)
        if run.config["data"]["fingerprint"] == fingerprint(dataset) and recipe_of(run) == recipe:
            say(f"{name}: trained by an earlier demo, {path}")
            return run
        say(f"{name}: {path} is of other data or settings; trained anew.")
    except RunError as error:
        if path.exists():
            say(f"{name}: trained anew. {error}")
    shutil.rmtree(path, ignore_errors=True)
    with TerminalReporter(name) as reporter:
        return train(dataset, recipe, path, reporter=reporter, clusters=clusters)


def _show_results(runs: dict[str, Run], dataset: "Dataset") -> None:
    from knowtrace.evaluation import evaluate, published_for  # noqa: PLC0415

    table = Table("model", "test AUC", "95 % interval", "accuracy", "NLL", "ECE", box=None, pad_edge=False)
    results: list[Evaluation] = []
    for name, run in runs.items():
        result = evaluate(run, dataset, resamples=RESAMPLES)
        results.append(result)
        auc = result.metrics["auc"]
        others = (f"{result.metrics[metric].value:.4f}" for metric in ("accuracy", "nll", "ece"))
        table.add_row(name, f"{auc.value:.4f}", f"{auc.low:.4f} to {auc.high:.4f}", *others)
    first = results[0]
    out.print(
        f"\n{first.n_scored:,} answers of {first.n_students:,} held-out students; {first.protocol}",
        soft_wrap=True,
    )
    out.print(table)
    for figure in published_for(dataset.name):
        out.print(
            f"published: {figure.auc:.4f}  {figure.model}: {figure.source}", style="dim", soft_wrap=True
        )
    for result in results:
        if result.share_of_oracle is not None and result.share_of_ideal is not None:
            out.print(
                f"{result.model}: {result.share_of_oracle:.1%} of the oracle's gain over the item means, "
                f"{result.share_of_ideal:.1%} of what could be known"
            )


def _fresh_database(folder: Path) -> str:
    for leftover in folder.glob("demo.db*"):
        leftover.unlink()
    return f"sqlite+aiosqlite:///{folder / 'demo.db'}"


def _held_out(dataset: "Dataset", run: Run) -> list[list[Interaction]]:
    """Return the histories of some test students, the one with the most varied skills first."""
    from knowtrace.training import recipe_of, split_of  # noqa: PLC0415

    students = split_of(dataset, recipe_of(run)).test
    histories = [list(dataset.students[student_id]) for student_id in students]
    chosen = [h for h in histories if FEWEST_ANSWERS <= len(h) <= MOST_ANSWERS][
        :REPLAYED_STUDENTS
    ] or histories[:1]
    return sorted(chosen, key=lambda h: -len({skill for interaction in h for skill in interaction.skill_ids}))
