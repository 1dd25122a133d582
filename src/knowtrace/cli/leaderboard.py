"""`knowtrace leaderboard`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from knowtrace.cli.terminal import TerminalReporter, names, out, say
from knowtrace.errors import DataError, SettingsError


def leaderboard_command(
    data: Annotated[list[Path], typer.Argument(help="Datasets: files or folders in any supported format.")],
    board: Annotated[Path, typer.Option(help="The folder of trainings; what it holds is not done again.")],
    models: Annotated[str, typer.Option(help="Names of models, as a,b,c.")] = "item-mean,elo,best-lr,dkt",
    stack: Annotated[str | None, typer.Option(help="Models to blend into one more row, as a,b.")] = None,
    folds: Annotated[str, typer.Option(help="Folds, as 0,1,2.")] = "0",
    protocols: Annotated[
        str, typer.Option(help="published, clean, or both: as the data come, and without what stands twice.")
    ] = "published,clean",
    settings: Annotated[
        Path | None, typer.Option(help="A JSON file: data -> model -> settings, training.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Trainings side by side.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each training.")] = 1,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    page_path: Annotated[
        Path | None, typer.Option("--page", help="Write a Markdown page to this file.")
    ] = None,
) -> None:
    """Train and judge models side by side; killed, it goes on where it was.

    Example: knowtrace leaderboard shared/data/assistments2009 --models elo,dkt --folds 0,1 --board boards/first
    """
    import torch  # noqa: PLC0415 - torch takes seconds to import

    from knowtrace.evaluation.comparison import compare, page, summarise  # noqa: PLC0415
    from knowtrace.evaluation.leaderboard import Plan, run_board  # noqa: PLC0415

    torch.set_num_threads(threads)
    plan = Plan(
        paths={_name(path): path for path in data},
        models=names(models),
        folds=tuple(_number(fold) for fold in names(folds)),
        protocols=names(protocols),
        stack=names(stack),
        chosen=_chosen(settings),
    )

    def done(row: dict[str, Any]) -> None:
        say(f"{row['data']} {row['protocol']} {row['model']} {row['fold']}: test AUC {row['auc'][0]:.4f}")

    rows = run_board(plan, board, reporter_of=TerminalReporter, done=done, workers=workers, threads=threads)
    lines, compared = summarise(rows), compare(rows, board)
    command = "knowtrace " + " ".join(sys.argv[1:])
    text = page(lines, compared, command=command)
    if as_json:
        report = {"command": command, "summary": lines, "compared": compared, "rows": rows}
        as_json.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    if page_path:
        page_path.write_text(text)
    out.print(text, markup=False, soft_wrap=True)


def _name(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".csv")


def _number(text: str) -> int:
    if not text.isdecimal():
        raise SettingsError(f"--folds: {text!r} is not a fold. Give numbers from 0, as 0,1,2.")
    return int(text)


def _chosen(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise DataError(f"{path} is not JSON ({error}). Give data -> model -> settings, training.") from error
