"""`knowtrace card`."""

from pathlib import Path
from typing import Annotated

import typer

from knowtrace.cli.options import ColumnsOption, ContentsOption
from knowtrace.cli.terminal import out, read_data, say


def card_command(
    run_path: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    data: Annotated[
        Path | None, typer.Option(help="Answers to judge it on, and show its reliability.")
    ] = None,
    columns: ColumnsOption = None,
    contents: ContentsOption = None,
    out_path: Annotated[Path | None, typer.Option("--out", help="Write the card to this file.")] = None,
) -> None:
    """Print a run's model card: what it is, what it learnt from, how well it does, what it is not for.

    Example: knowtrace card runs/dkt --data shared/data/assistments2009 --out card.md
    """
    from knowtrace.evaluation import model_card  # noqa: PLC0415 - torch takes seconds to import
    from knowtrace.registry import Run  # noqa: PLC0415

    text = model_card(Run.open(run_path), read_data(data, columns, contents=contents) if data else None)
    if out_path:
        out_path.write_text(text)
        say(f"Card written to {out_path}")
    else:
        out.print(text, markup=False, soft_wrap=True)
