"""`knowtrace gate`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from knowtrace.cli.options import ColumnsOption, ContentsOption
from knowtrace.cli.terminal import out, print_json, read_data


def gate_command(
    run_path: Annotated[
        Path, typer.Argument(metavar="RUN", help="The run that would take the other's place.")
    ],
    against: Annotated[Path, typer.Option(help="The run in place now.")],
    data: Annotated[Path, typer.Option(help="Answers to judge both on.")],
    part: Annotated[str, typer.Option("--split", help="test, valid, train or all.")] = "test",
    columns: ColumnsOption = None,
    contents: ContentsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Say whether a run may replace another; exit code 1 and the reasons when it may not.

    Example: knowtrace gate runs/new --against runs/old --data shared/data/assistments2009
    """
    from knowtrace.evaluation import gate  # noqa: PLC0415 - torch takes seconds to import
    from knowtrace.registry import Run  # noqa: PLC0415

    verdict = gate(
        Run.open(run_path), Run.open(against), read_data(data, columns, contents=contents), part=part
    )
    if as_json:
        print_json(asdict(verdict))
    else:
        table = Table("figure", "run", "against", box=None, pad_edge=False)
        for name, value in verdict.run.items():
            digits = ",.0f" if name == "state_bytes" else ".4f"
            table.add_row(name, f"{value:{digits}}", f"{verdict.against[name]:{digits}}")
        out.print(table)
        gained = verdict.auc_gained
        out.print(
            f"AUC gained {gained.value:+.4f} (paired 95 % interval {gained.low:+.4f} to {gained.high:+.4f})"
        )
        for reason in verdict.reasons:
            out.print(f"- {reason}", soft_wrap=True)
        out.print("passed" if verdict.passed else "FAILED")
    if not verdict.passed:
        raise typer.Exit(1)
