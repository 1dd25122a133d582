"""`knowtrace items`: what a trained model says of every item."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from knowtrace.cli.options import ColumnsOption, ContentsOption
from knowtrace.cli.terminal import out, print_json, read_data, say

SHOWN = 20
LAKE_COLUMNS = ("item_id", "skill_id", "difficulty", "discrimination", "guessing", "difficulty_error",
                "num_events", "model_version", "computed_at")  # fmt: skip


def items_command(
    run_path: Annotated[Path, typer.Argument(metavar="RUN", help="A run that `knowtrace train` left.")],
    data: Annotated[Path, typer.Option(help="The answers it was trained on.")],
    file: Annotated[
        Path | None,
        typer.Option("--out", help="Write a CSV for `knowtrace lake append gold.item_parameters`."),
    ] = None,
    columns: ColumnsOption = None,
    contents: ContentsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say what a run's model holds every item of its catalogue to measure: discrimination, difficulty, guessing, with
    standard errors and the training answers behind them.

    The difficulty of a graded item is the mean of its steps' in table and CSV; JSON has every step.

    Example: knowtrace items runs/wd-irt --data shared/data/assistments2009 --out items.csv
    """
    from knowtrace.registry import Run  # noqa: PLC0415 - torch takes seconds to import
    from knowtrace.training import item_parameters  # noqa: PLC0415

    run = Run.open(run_path)
    computed_at = datetime.now(UTC).isoformat()
    rows: list[dict[str, Any]] = [
        {
            "item_id": item.item_id,
            "skill_id": item.skill_ids[0] if item.skill_ids else None,
            "difficulty": sum(row.difficulty) / len(row.difficulty),
            "discrimination": row.discrimination,
            "guessing": row.guessing,
            "difficulty_error": row.mean_difficulty_error,
            "num_events": row.num_answers,
            "model_version": run.version,
            "computed_at": computed_at,
            "discrimination_error": row.discrimination_error,
            "guessing_error": row.guessing_error,
            "steps": list(row.difficulty),
            "step_errors": list(row.difficulty_error),
        }
        for item, row in item_parameters(run, read_data(data, columns, contents=contents))
    ]
    if file is not None:
        with file.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.writer(opened, lineterminator="\n")
            writer.writerow(LAKE_COLUMNS)
            writer.writerows([row[name] for name in LAKE_COLUMNS] for row in rows)
        say(f"{file}: parameters of {len(rows):,} items.")
    if as_json:
        print_json({"model_version": run.version, "items": rows})
        return
    table = Table("item", "n", "difficulty b", "discrimination a", "guessing c", box=None, pad_edge=False)
    for row in rows[:SHOWN]:
        pairs = [(row[name], row[f"{name}_error"]) for name in ("difficulty", "discrimination", "guessing")]
        table.add_row(
            escape(row["item_id"]),
            f"{row['num_events']:,}",
            *[f"{value:.3f} ({error:.3f})" for value, error in pairs],
        )
    out.print(
        f"{run.version}: {len(rows):,} items, the first {min(SHOWN, len(rows))} (standard errors in brackets)",
        soft_wrap=True,
        highlight=False,
    )
    out.print(table)
