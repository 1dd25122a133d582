"""`knowtrace influences`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from knowtrace.cli.options import ColumnsOption, ContentsOption
from knowtrace.cli.terminal import out, print_json, read_data


def influences_command(
    run_path: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run whose model has attention, as sakt.")
    ],
    data: Annotated[Path, typer.Option(help="The answers to look at.")],
    student: Annotated[str, typer.Option(help="The student's id in the data.")],
    top: Annotated[int, typer.Option(min=1, help="Past answers shown for each prediction.")] = 3,
    last: Annotated[int, typer.Option(min=1, help="Predictions shown, the latest ones.")] = 10,
    columns: ColumnsOption = None,
    contents: ContentsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show which past answers of a student each prediction looked at most, and their share of its attention.

    It says where the model looked, not what it would have said had the answer been another.

    Example: knowtrace influences runs/sakt --data answers.csv --student maria --top 5
    """
    from knowtrace.evaluation import influences  # noqa: PLC0415 - torch takes seconds to import
    from knowtrace.registry import Run  # noqa: PLC0415

    run = Run.open(run_path)
    found = influences(run, read_data(data, columns, contents=contents), student, top=top)[-last:]
    if as_json:
        predictions = [asdict(prediction) for prediction in found]
        print_json({"model_version": run.version, "student_id": student, "predictions": predictions})
        return
    table = Table("answer", "item", "predicted", "response", "looked at (item = response, weight)", box=None)
    for prediction in found:
        looked_at = ", ".join(
            f"{past.position}: {past.item_id} = {past.response} ({past.weight:.0%})"
            for past in prediction.influences
        )
        table.add_row(
            str(prediction.position),
            escape(prediction.item_id),
            f"{prediction.predicted:.3f}",
            str(prediction.response),
            escape(looked_at) or "no answer yet",
        )
    out.print(table)
