"""`knowtrace simulate`: students whose truth is known, as a folder that every other command reads."""

from pathlib import Path
from typing import Annotated

import typer

from knowtrace.cli.terminal import say
from knowtrace.errors import DataError
from knowtrace.sources import SimulationConfig, simulate, write_simulation
from knowtrace.sources.layouts import LAYOUTS, write_layout

DEFAULT = SimulationConfig()


def simulate_command(
    *,
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    students: Annotated[int, typer.Option(help="Students.")] = DEFAULT.num_students,
    answers: Annotated[int, typer.Option(help="Answers per student.")] = DEFAULT.num_answers,
    items: Annotated[int, typer.Option(help="Items.")] = DEFAULT.num_items,
    skills: Annotated[int, typer.Option(help="Skills.")] = DEFAULT.num_skills,
    categories: Annotated[int, typer.Option(help="Response categories.")] = DEFAULT.num_categories,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 0,
    layout: Annotated[
        str | None,
        typer.Option(help=f"Write another source's files: {', '.join(LAYOUTS)}; without the truth."),
    ] = None,
) -> None:
    """Simulate students who learn, forget and sometimes guess, and keep the truth beside their answers.

    With `--layout`, answers are written as another source publishes them: data to try a loader on.

    Example: knowtrace simulate --out simulated --students 2000 --categories 4 --seed 7
    """
    try:
        config = SimulationConfig(
            num_students=students,
            num_answers=answers,
            num_items=items,
            num_skills=skills,
            num_categories=categories,
        )
        simulation = simulate(config, seed)
    except ValueError as error:
        raise DataError(str(error)) from None
    if layout is None:
        write_simulation(simulation, out)
    else:
        write_layout(simulation.dataset, layout, out)
    say(f"{out}: {students:,} students gave {simulation.dataset.num_interactions:,} answers.")
