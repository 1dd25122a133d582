"""`knowtrace models` and `knowtrace train`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from knowtrace.cli.options import BankOption, ColumnsOption, ContentsOption
from knowtrace.cli.terminal import TerminalReporter, ids_in, out, pairs, print_json, read_data, say
from knowtrace.errors import TrainingError


def models_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the models that can be trained, with their settings.

    Example: knowtrace models
    """
    import dataclasses  # noqa: PLC0415

    from knowtrace.models import MODELS  # noqa: PLC0415 - torch takes seconds to import

    settings = {
        name: {f.name: f.default for f in dataclasses.fields(entry.config)} for name, entry in MODELS.items()
    }
    if as_json:
        print_json({name: {"summary": MODELS[name].summary, "settings": settings[name]} for name in MODELS})
        return
    table = Table("model", "what it is", "settings (--set name=value)", box=None, pad_edge=False)
    for name, entry in MODELS.items():
        table.add_row(
            name, entry.summary, ", ".join(f"{key}={value}" for key, value in settings[name].items())
        )
    out.print(table)


def train_command(
    model: Annotated[str, typer.Option(help="The model's name; see `knowtrace models`.")],
    data: Annotated[Path, typer.Option(help="A file or folder of answers in any supported format.")],
    out_path: Annotated[
        Path, typer.Option("--out", help="The run's folder; made, or gone on with after a kill.")
    ],
    fold: Annotated[int, typer.Option(help="Which fold validates.")] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="The most epochs to train.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, batches and dropout.")] = 0,
    learning_rate: Annotated[float | None, typer.Option(min=0, help="The highest learning rate.")] = None,
    precision: Annotated[
        str, typer.Option(help="float32, or bfloat16 where the processor has it.")
    ] = "float32",
    curriculum: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of epochs in which histories grow from their first answers to all."
        ),
    ] = 0.0,
    settings: Annotated[
        str | None, typer.Option("--set", help="The model's settings, as name=value,…")
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="small, medium or large, where the model has sizes.")
    ] = None,
    clean: Annotated[bool, typer.Option(help="Remove training students who also are test students.")] = False,
    columns: ColumnsOption = None,
    contents: ContentsOption = None,
    bank: BankOption = None,
    without: Annotated[
        Path | None,
        typer.Option("--without-students", help="A text of ids, one a line, of whom nothing is learnt."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a model on logged answers and leave a sealed run.

    Example: knowtrace train --model dkt --data shared/data/assistments2009 --out runs/dkt
    """
    import torch  # noqa: PLC0415

    from knowtrace.models import model_config, preset, usual_training  # noqa: PLC0415
    from knowtrace.sources import without_students  # noqa: PLC0415
    from knowtrace.training import Recipe, TrainingConfig, train  # noqa: PLC0415

    chosen: dict[str, Any] = {
        **usual_training(model),
        "seed": seed,
        "precision": precision,
        "curriculum": curriculum,
    }
    if epochs is not None:
        chosen["epochs"] = epochs
    if learning_rate is not None:
        chosen["learning_rate"] = learning_rate
    recipe = Recipe(
        model=model,
        settings=(preset(model, size) if size else {})
        | _typed(model_config(model), pairs(settings, option="--set") or {}),
        training=TrainingConfig(**chosen),
        fold=fold,
        clean=clean,
    )
    dataset = read_data(data, columns, bank=bank, contents=contents)
    if without is not None:
        whole = dataset
        dataset = without_students(whole, ids_in(without))
        say(f"Left out: {len(whole.students) - len(dataset.students):,} students of {without}.")
    say(f"{dataset.name}: {dataset.num_interactions:,} answers of {len(dataset.students):,} students")
    with TerminalReporter(model) as reporter:
        run = train(dataset, recipe, out_path, reporter=reporter, device=_device(torch, device))
    best = run.metrics["best"]
    if as_json:
        print_json({"run": str(run.path), "version": run.version, "best": best})
    else:
        out.print(
            f"{run.version} at {run.path}: best epoch {best['epoch']}, validation AUC {best['valid_auc']:.4f}"
        )


def _typed(defaults: Any, texts: dict[str, str]) -> dict[str, Any]:
    """Return settings in the types of their defaults; unknown names are left for the model to refuse."""
    typed: dict[str, Any] = {}
    for name, text in texts.items():
        kind = type(getattr(defaults, name, text))
        try:
            typed[name] = kind(text) if kind is not bool else {"true": True, "false": False}[text.lower()]
        except (ValueError, KeyError):
            raise TrainingError(f"--set {name}={text}: {name} is a {kind.__name__}. Give one.") from None
    return typed


def _device(torch: Any, name: str) -> Any:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda"):
        raise TrainingError(f"--device {name!r}: choose cpu, cuda or auto.")
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError("--device cuda: this machine has no CUDA device that torch can use. Choose cpu.")
    return torch.device(name)
