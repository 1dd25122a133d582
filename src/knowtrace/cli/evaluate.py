"""`knowtrace evaluate`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from knowtrace.cli.options import ColumnsOption, ContentsOption
from knowtrace.cli.terminal import out, print_json, read_data, warn
from knowtrace.registry import Run


def evaluate_command(
    run_path: Annotated[Path, typer.Argument(metavar="RUN", help="A run that `knowtrace train` left.")],
    data: Annotated[Path, typer.Option(help="The answers to judge it on.")],
    split: Annotated[str, typer.Option(help="Which students: test, valid, train or all.")] = "test",
    resamples: Annotated[int, typer.Option(min=10, help="Bootstrap resamples behind each interval.")] = 500,
    columns: ColumnsOption = None,
    contents: ContentsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Judge a run on students it has not seen; every answer but a student's first is scored.

    Example: knowtrace evaluate runs/dkt --data shared/data/assistments2009 --json
    """
    from knowtrace.evaluation import evaluate  # noqa: PLC0415 - torch takes seconds to import

    result = evaluate(
        Run.open(run_path), read_data(data, columns, contents=contents), part=split, resamples=resamples
    )
    if as_json:
        print_json(result.as_json())
        return
    for note in result.notes:
        warn(note)
    table = Table("metric", "value", "95 % interval", box=None, pad_edge=False)
    for name, estimate in result.metrics.items():
        table.add_row(name, f"{estimate.value:.4f}", f"{estimate.low:.4f} to {estimate.high:.4f}")
    out.print(f"{result.version} on {result.data}, {result.split} part ({result.protocol})", soft_wrap=True)
    out.print(table)
    out.print(_also(result), soft_wrap=True)


def _also(result: Any) -> str:
    lines = [
        f"{result.n_scored:,} answers of {result.n_students:,} students, "
        f"{result.share_unseen_items:.1%} on items not in training; "
        f"{result.interactions_per_second:,.0f} interactions/s; NLL of the item means {result.item_mean_nll:.4f}"
    ]
    if result.share_of_oracle is not None:
        lines.append(
            f"NLL of the oracle {result.oracle_nll:.4f}: the model makes {result.share_of_oracle:.1%} of its gain over "
            "the item means"
        )
    if result.share_of_ideal is not None:
        lines.append(
            f"NLL of the ideal observer {result.ideal_nll:.4f}: the model makes {result.share_of_ideal:.1%} of "
            "the gain that could be made from the answers before"
        )
    return "\n".join(lines)
