"""`knowtrace tune`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from knowtrace.cli.options import ColumnsOption, ContentsOption
from knowtrace.cli.terminal import TerminalReporter, out, print_json, read_data, say


def tune_command(
    model: Annotated[str, typer.Option(help="The model's name; see `knowtrace models`.")],
    data: Annotated[Path, typer.Option(help="A file or folder of answers in any supported format.")],
    out_path: Annotated[Path, typer.Option("--out", help="The search's folder; made, or gone on with.")],
    trials: Annotated[int, typer.Option(min=1, help="Trials in all, those already done included.")] = 20,
    fold: Annotated[int, typer.Option(help="Which fold validates.")] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="The most epochs of a trial.")] = None,
    clean: Annotated[bool, typer.Option(help="Remove training students who also are test students.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 0,
    columns: ColumnsOption = None,
    contents: ContentsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all trials as JSON.")] = False,
) -> None:
    """Search a model's settings on the validation students; the test part is never read.

    Example: knowtrace tune --model dkt --data shared/data/assistments2009 --trials 30 --out searches/dkt
    """
    from knowtrace.evaluation.tuning import Search, tune  # noqa: PLC0415 - torch takes seconds to import

    def done(trial: dict[str, Any]) -> None:
        say(f"trial {trial['trial']}: validation AUC {trial['valid_auc']:.4f}  {trial['settings']}")

    search = Search(model=model, fold=fold, clean=clean, epochs=epochs, seed=seed)
    found = tune(
        read_data(data, columns, contents=contents),
        search,
        out_path,
        num_trials=trials,
        reporter_of=TerminalReporter,
        done=done,
    )
    if as_json:
        print_json({"trials": found})
        return
    for trial in found[:5]:
        chosen = ", ".join(
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in trial["chosen"].items()
        )
        out.print(f"{trial['valid_auc']:.4f}  trial {trial['trial']:>3}  {chosen}", soft_wrap=True)
