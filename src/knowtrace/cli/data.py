"""`knowtrace data`: look at a source before anything is learnt from it."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from knowtrace.cli.options import ContentsOption
from knowtrace.cli.terminal import names, out, pairs, print_json
from knowtrace.errors import DataError
from knowtrace.sources import Inspection, inspect, read, write_quarantine
from knowtrace.sources.contamination import Contamination
from knowtrace.sources.inspection import Quantiles
from knowtrace.sources.scale import Responses
from knowtrace.sources.wide_table import read_wide_table, write_answers
from knowtrace.standards.cells import YEAR_2000

app = typer.Typer(no_args_is_help=True, help="Look at students' answers before anything is learnt from them.")


@app.command("inspect")
def inspect_command(
    path: Annotated[Path, typer.Argument(help="A file or folder of answers, plain or gzip.")],
    *,
    columns: Annotated[
        str | None, typer.Option(help="What a column says, and its name: student=pupil,item=problem.")
    ] = None,
    responses: Annotated[
        str | None, typer.Option(help="How responses are written: ordered (0, 1, 2 …) or partial-credit.")
    ] = None,
    categories: Annotated[int | None, typer.Option(help="How many response categories there are.")] = None,
    contents: ContentsOption = None,
    quarantine: Annotated[Path | None, typer.Option(help="Write the rejected rows to this CSV file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """Say what a source holds, what was rejected, and what looks wrong. It writes nothing but the file of --quarantine.

    Example: knowtrace data inspect answers.csv --columns item=problem,correct=right
    """
    dataset = read(
        path,
        columns=pairs(columns, option="--columns"),
        responses=parse_responses(responses),
        categories=categories,
        contents=contents,
    )
    if quarantine is not None:
        write_quarantine(dataset, quarantine)
    inspection = inspect(dataset)
    if as_json:
        print_json(asdict(inspection))
    else:
        show(inspection, out)


@app.command("unpivot")
def unpivot_command(
    path: Annotated[Path, typer.Argument(help="A wide table: a row per student, a column per item.")],
    into: Annotated[Path, typer.Option(help="Write the answers to this CSV file.")],
    *,
    items: Annotated[str | None, typer.Option(help="Item columns: a,b,c or patterns 'q*'.")] = None,
    drop: Annotated[str | None, typer.Option(help="Columns that are no items: names or patterns.")] = None,
) -> None:
    """Write a wide table as one answer per row, which every other command reads. Empty cells are no answers.

    A table says nothing of time: answers stand in the order of its columns.

    Example: knowtrace data unpivot exam.csv --into answers.csv --items 'q*'
    """
    table = read_wide_table(path, items=names(items), drop=names(drop))
    num_answers = write_answers(table, into)
    out.print(
        f"{into}: {num_answers:,} answers of {len(table.students):,} students to {len(table.items):,} items.",
        markup=False,
        soft_wrap=True,
    )


def parse_responses(text: str | None) -> Responses | None:
    """Return the way responses are written. Raises: DataError when it is not one we know."""
    match text:
        case None | "ordered" | "partial-credit":
            return text
        case _:
            raise DataError(f"--responses ({text!r}) must be ordered or partial-credit.")


def show(inspection: Inspection, console: Console) -> None:
    """Print an inspection for a person: facts, spreads, rejected rows, notes, suspicions, obstacles."""
    console.print(f"[bold]{escape(inspection.name)}[/bold]: {inspection.format}")
    console.print(_facts(inspection))
    console.print(_spreads(inspection))
    if inspection.broken_rules:
        console.print(_rejected(inspection))
    for note in inspection.notes:
        console.print(f"Note: {escape(note)}")
    if not inspection.suspicions:
        console.print("Nothing looks suspicious.")
    for suspicion in inspection.suspicions:
        examples = f" For example: {', '.join(suspicion.examples)}." if suspicion.examples else ""
        console.print(f"[yellow]Suspicious:[/yellow] {escape(suspicion.text + examples)}")
    for obstacle in inspection.obstacles:
        console.print(f"[red]Training cannot start:[/red] {escape(obstacle)}")


def _facts(inspection: Inspection) -> Table:
    table = Table(show_header=False, box=None)
    table.add_column(style="dim")
    table.add_column()
    table.add_row("students", f"{inspection.num_students:,}")
    table.add_row("items", f"{inspection.num_items:,}")
    table.add_row("skills", f"{inspection.num_skills:,}")
    table.add_row("answers", f"{inspection.num_interactions:,}")
    table.add_row(
        "other rows",
        f"{inspection.num_merged:,} merged, {inspection.num_quarantined:,} quarantined "
        f"({inspection.num_duplicates:,} duplicates)",
    )
    table.add_row("time", _time_span(inspection))
    if inspection.num_categories == 2:
        table.add_row("correct", f"{inspection.mean_score:.1%}")
    else:
        counts = zip(inspection.category_shares, inspection.category_counts, strict=True)
        shares = ", ".join(f"{k}: {share:.1%} ({count:,})" for k, (share, count) in enumerate(counts))
        table.add_row("responses", f"{shares}; mean score {inspection.mean_score:.1%}")
    table.add_row("stored twice", _stored_twice(inspection.contamination))
    if inspection.splits:
        parts = ", ".join(f"{split} {count:,}" for split, count in inspection.splits.items())
        table.add_row("split", escape(f"{parts} students"))
    return table


def _stored_twice(contamination: Contamination) -> str:
    chance = sum(not group.is_beyond_chance for group in contamination.twins + contamination.exact_duplicates)
    by_chance = f"; {chance:,} groups of students agree no more than chance allows" if chance else ""
    blocks, items = len(contamination.copied_blocks), len(contamination.duplicated_items)
    if not contamination.clusters and not blocks and not items:
        return f"nothing{by_chance}"
    return (
        f"{len(contamination.clusters):,} clusters of students ({contamination.clustered_share:.1%} of all "
        f"answers), {blocks:,} copied blocks, {items:,} pairs of items{by_chance}"
    )


def _time_span(inspection: Inspection) -> str:
    first, last = inspection.first_answered_at, inspection.last_answered_at
    if first is None or last is None:
        return "none: the source keeps only the order of answers"
    length = timedelta(seconds=round((last - first).total_seconds()))
    if last.timestamp() < YEAR_2000:
        return f"{length} from first to last; the dates are unknown"
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC ({length.days:,} days)"


def _spreads(inspection: Inspection) -> Table:
    table = Table("", "min", "25 %", "median", "75 %", "95 %", "max", "mean", box=None)
    rows: tuple[tuple[str, Quantiles], ...] = (
        ("answers per student", inspection.answers_per_student),
        ("answers per item", inspection.answers_per_item),
        ("skills per item", inspection.skills_per_item),
    )
    for name, spread in rows:
        counts = (
            spread.minimum,
            spread.lower_quarter,
            spread.median,
            spread.upper_quarter,
            spread.hundredth_95,
            spread.maximum,
        )
        table.add_row(name, *(f"{count:,.0f}" for count in counts), f"{spread.mean:,.1f}")
    return table


def _rejected(inspection: Inspection) -> Table:
    table = Table("rows", "broken rule", "first", title="Quarantined", title_justify="left")
    for broken in inspection.broken_rules:
        first = broken.first
        where = f"{first.file} line {first.line}" + (f", {first.column}" if first.column else "")
        table.add_row(f"{broken.count:,}", escape(broken.rule), escape(f"{where}: {first.value[:60]!r}"))
    return table
