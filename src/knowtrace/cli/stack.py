"""`knowtrace stack`."""

from pathlib import Path
from typing import Annotated

import typer

from knowtrace.cli.options import ColumnsOption, ContentsOption
from knowtrace.cli.terminal import out, print_json, read_data


def stack_command(
    runs: Annotated[list[Path], typer.Argument(help="Two or more run folders of the same data and fold.")],
    data: Annotated[Path, typer.Option(help="The answers that the runs were trained on.")],
    out_path: Annotated[Path, typer.Option("--out", help="The new run's folder.")],
    columns: ColumnsOption = None,
    contents: ContentsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Blend trained runs into one that is served as any other; weights are fitted on the validation students.

    Example: knowtrace stack runs/mingru runs/gbdt --data shared/data/assistments2009 --out runs/stack
    """
    from knowtrace.registry import Run  # noqa: PLC0415
    from knowtrace.training.stacking import stack_runs  # noqa: PLC0415 - torch takes seconds to import

    members = [Run.open(path) for path in runs]
    run = stack_runs(members, read_data(data, columns, contents=contents), out_path)
    weights, best = run.metrics["weights"], run.metrics["best"]
    if as_json:
        print_json({"run": str(run.path), "version": run.version, "weights": weights, "best": best})
        return
    for member, weight in zip(members, weights, strict=True):
        out.print(f"{weight:6.3f}  {member.version}")
    out.print(f"{run.version} at {run.path}: validation AUC {best['valid_auc']:.4f}, fitted there")
