"""What commands share: where they print, how progress looks, how settings are read."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from knowtrace.errors import DataError

LAKE_LOG = "_commits"
"""The folder that makes a folder a lake, known here so that looking for it needs no extra."""

out = Console()
notes = Console(stderr=True)


def fail(text: str) -> None:
    notes.print(f"[bold red]error:[/] {_escaped(text)}", soft_wrap=True, highlight=False)


def warn(text: str) -> None:
    notes.print(f"[yellow]warning:[/] {_escaped(text)}", soft_wrap=True, highlight=False)


def say(text: str) -> None:
    notes.print(_escaped(text), soft_wrap=True, highlight=False)


def print_json(content: Mapping[str, Any]) -> None:
    """Write JSON to standard output, alone, so that it can be piped; a figure that is not a number is null."""
    out.file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n")


def pairs(text: str | None, *, option: str) -> dict[str, str] | None:
    """Read `a=b,c=d`.

    Raises:
        DataError: a part has no equals sign.
    """
    if not text:
        return None
    parts = [part.partition("=") for part in text.split(",")]
    wrong = [name for name, equals, value in parts if not equals or not name.strip() or not value.strip()]
    if wrong:
        raise DataError(f"{option} {text!r}: {wrong[0]!r} is not name=value. Write it as `a=b,c=d`.")
    return {name.strip(): value.strip() for name, _, value in parts}


def names(text: str | None) -> tuple[str, ...]:
    """Read `a,b,c`, each name once."""
    return tuple(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))


class TerminalReporter:
    """Training on a terminal: a bar per epoch with throughput and time left, a line per finished epoch."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=notes,
            transient=True,
        )
        self.task: TaskID | None = None
        self.per_epoch = 0

    def __enter__(self) -> "TerminalReporter":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def begin(self, *, epochs: int, answers_per_epoch: int, epochs_done: int) -> None:
        if epochs_done:
            say(f"{self.title}: goes on after epoch {epochs_done}")
        self.per_epoch = answers_per_epoch
        self.task = self.progress.add_task(
            self.title, total=epochs * answers_per_epoch, completed=epochs_done * answers_per_epoch, rate=""
        )

    def advance(self, answers: int) -> None:
        if self.task is not None:
            self.progress.advance(self.task, answers)
            speed = self.progress.tasks[self.task].speed
            self.progress.update(self.task, rate=f"{speed:,.0f} answers/s" if speed else "")

    def epoch(self, record: dict[str, Any]) -> None:
        loss = "" if record["train_loss"] is None else f"loss {record['train_loss']:.4f}  "
        speed = record["interactions_per_second"]
        rate = "" if speed is None else f"  {speed:,.0f} answers/s"
        say(
            f"{self.title}: epoch {record['epoch']:>2}  {loss}validation AUC {record['valid_auc']:.4f}  "
            f"NLL {record['valid_nll']:.4f}{rate}"
        )

    def warn(self, text: str) -> None:
        warn(f"{self.title}: {text}")


def read_data(path: Path, columns: str | None, *, bank: Path | None = None, **options: Any) -> Any:
    """Read a dataset, or a lake's gold sequences, for a command, with what a bank says of its items; say on standard
    error what was left out."""
    dataset = _read_answers(path, columns, **options)
    return dataset if bank is None else _with_bank(dataset, bank)


def _with_bank(dataset: Any, path: Path) -> Any:
    from knowtrace.catalogue import described, read_bank  # noqa: PLC0415 - not all that reads data needs banks

    found = described(read_bank(path).bank)
    say(f"{path.name}: {len(found):,} items")
    return replace(dataset, described=found)


def _read_answers(path: Path, columns: str | None, **options: Any) -> Any:
    from knowtrace.sources import read  # noqa: PLC0415 - a command that reads no data does not wait for the loaders

    if (path / LAKE_LOG).is_dir():
        from knowtrace.lake import read_lake  # noqa: PLC0415 - an extra

        return read_lake(path)
    dataset = read(path, columns=pairs(columns, option="--columns"), **options)
    for note in dataset.notes:
        say(f"Note: {note}")
    if dataset.quarantined:
        warn(
            f"{len(dataset.quarantined):,} rows of {dataset.name} were left out. "
            f"`knowtrace data inspect {path} --quarantine FILE` says why."
        )
    return dataset


def ids_in(path: Path) -> list[str]:
    """Return the ids of a text, one a line.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return [
            line for row in path.read_text(encoding="utf-8").split("\n") if (line := row.removesuffix("\r"))
        ]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The ids in {path} cannot be read ({error}): give a text, one id a line.") from None


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
