"""`knowtrace catalogue draft-map` and `coverage`: from a source's tags to skills a person stands for."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from knowtrace.catalogue import MapCoverage, draft_map, map_coverage, read_skill_map, write_skill_map
from knowtrace.cli.options import ColumnsOption, ContentsOption
from knowtrace.cli.terminal import out, print_json, read_data, say
from knowtrace.errors import DataError

MOST_SHOWN = 20

DataArgument = Annotated[Path, typer.Argument(help="A file or folder of answers, plain or gzip.")]


def draft_map_command(
    path: DataArgument,
    *,
    to: Annotated[Path, typer.Option("--out", help="The CSV file to write; it must not be there yet.")],
    columns: ColumnsOption = None,
    contents: ContentsOption = None,
) -> None:
    """Write a skill map to fill in: a row per tag of the answers, the most answered first.

    Skill, topic and review stay empty, and so does the name unless the source gives one: a person decides.

    Example: knowtrace catalogue draft-map answers.csv --out map.csv
    """
    if to.exists():
        raise DataError(f"{to} is there already, and may hold a person's review: choose another name.")
    dataset = read_data(path, columns, contents=contents)
    draft = draft_map(dataset.students, dataset.skill_names)
    write_skill_map(draft, to)
    say(f"{to}: {len(draft.rows):,} tags wait for a skill, a name, a topic and a review.")


def coverage_command(
    path: DataArgument,
    *,
    skill_map: Annotated[Path, typer.Option("--map", help="A skill map: tag, skill, name, topic, review.")],
    columns: ColumnsOption = None,
    contents: ContentsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """Say which tags of the answers a skill map knows, which it does not, and which rows are never needed.

    Example: knowtrace catalogue coverage answers.csv --map map.csv
    """
    tags = read_skill_map(skill_map)
    coverage = map_coverage(read_data(path, columns, contents=contents).students, tags)
    if as_json:
        print_json({**asdict(coverage), "share": coverage.share})
    else:
        _show(coverage)


def _show(coverage: MapCoverage) -> None:
    table = Table(show_header=False, box=None)
    table.add_column(style="dim")
    table.add_column()
    share = "" if coverage.share is None else f" ({coverage.share:.1%})"
    table.add_row("answers", f"{coverage.num_answers:,}, {coverage.num_without_tag:,} without any tag")
    table.add_row("with a mapped skill", f"{coverage.num_with_skill:,}")
    table.add_row("tags of answers mapped", f"{coverage.num_mapped:,} of {coverage.num_tagged:,}{share}")
    table.add_row("tags not in the map", f"{len(coverage.unmapped):,}")
    table.add_row("tags waiting for review", f"{len(coverage.unreviewed):,}")
    table.add_row("rows never met", _first(coverage.never_met))
    out.print(table)
    for title, counts in (("Not in the map", coverage.unmapped), ("Waiting for review", coverage.unreviewed)):
        if counts:
            out.print(f"{title}:")
            out.print(_open_tags(counts))


def _open_tags(counts: Mapping[str, int]) -> Table:
    table = Table("tag", "answers", box=None)
    for tag, count in list(counts.items())[:MOST_SHOWN]:
        table.add_row(escape(tag), f"{count:,}")
    if len(counts) > MOST_SHOWN:
        table.add_row(f"and {len(counts) - MOST_SHOWN:,} more", "")
    return table


def _first(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:MOST_SHOWN]) + (" …" if len(names) > MOST_SHOWN else "")
    return escape(f"{len(names):,}" + (f": {shown}" if names else ""))
