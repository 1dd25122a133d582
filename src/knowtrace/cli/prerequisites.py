"""`knowtrace catalogue suggest` and `accept`: prerequisites that answers suggest and a person accepts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from knowtrace.catalogue import (
    Edge,
    Suggestion,
    SuggestionRules,
    accept,
    read_prerequisites,
    read_suggestions,
    suggest_prerequisites,
    write_prerequisites,
    write_suggestions,
)
from knowtrace.cli.options import ColumnsOption, ContentsOption
from knowtrace.cli.terminal import out, print_json, read_data, say
from knowtrace.errors import DataError

HIGHEST_RATE = 0.5


def suggest_command(
    path: Annotated[Path, typer.Argument(help="A file or folder of answers, plain or gzip.")],
    *,
    to: Annotated[Path, typer.Option("--out", help="Write the suggestions to this CSV file, for a person.")],
    columns: ColumnsOption = None,
    contents: ContentsOption = None,
    support: Annotated[int, typer.Option(min=10, help="Students a pair of skills needs.")] = 100,
    rate: Annotated[
        float, typer.Option(min=0.001, max=HIGHEST_RATE, help="False discovery rate among suggestions.")
    ] = 0.05,
    odds_ratio: Annotated[
        float, typer.Option(min=1, max=1000, help="Odds ratio, beyond that of any pair, to test against.")
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the suggestions as JSON.")] = False,
) -> None:
    """Suggest which skills need which others first, from answers; nothing is accepted.

    Fill in accepted_by and accepted_on of the rows you agree with, or name their numbers to `accept`.

    Example: knowtrace catalogue suggest answers.csv --out suggestions.csv
    """
    dataset = read_data(path, columns, contents=contents)
    rules = SuggestionRules(least_support=support, false_discovery_rate=rate, least_odds_ratio=odds_ratio)
    found = suggest_prerequisites(dataset.students, num_categories=dataset.num_categories, rules=rules)
    write_suggestions(found.suggestions, to, names=dataset.skill_names)
    say(f"{to}: suggestions to accept or not: {len(found.suggestions):,}.")
    if as_json:
        print_json(asdict(found))
        return
    out.print(
        f"{found.num_pairs_tested:,} pairs of {found.num_skills:,} skills have {support:,} students; the bulk of them "
        f"have an odds ratio of {found.baseline_odds_ratio:.2f}. Left to a third skill: {found.num_explained:,}.",
        soft_wrap=True,
        highlight=False,
    )
    if found.suggestions:
        out.print(_suggested(found.suggestions, dataset.skill_names))
    else:
        out.print("Nothing is suggested at this rate.")


def _suggested(suggestions: Sequence[Suggestion], names: Mapping[str, str]) -> Table:
    table = Table(
        "no.", "skill", "needs", "students", "confidence", "odds ratio (from)", "right if mastered / not"
    )
    for number, one in enumerate(suggestions, 1):
        shares = " / ".join(
            "-" if s is None else f"{s:.0%}" for s in (one.right_if_mastered, one.right_if_not)
        )
        table.add_row(
            str(number),
            escape(names.get(one.skill, one.skill)),
            escape(names.get(one.needs, one.needs)),
            f"{one.support:,}",
            f"{one.confidence:.3f}",
            f"{one.odds_ratio:.2f} ({one.odds_ratio_low:.2f})",
            shares,
        )
    return table


def accept_command(
    suggestions: Annotated[Path, typer.Argument(help="A file that `suggest` wrote.")],
    *,
    into: Annotated[Path, typer.Option(help="The file of edges; it is made, or added to.")],
    by: Annotated[str | None, typer.Option(help="Who accepts; needed with --rows.")] = None,
    rows: Annotated[
        str | None,
        typer.Option(help="Numbers of suggestions, as 1,3; else those with accepted_by filled in."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the edges as JSON.")] = False,
) -> None:
    """Make edges of the suggestions a person accepts; cycles are refused.

    Example: knowtrace catalogue accept suggestions.csv --rows 1,3 --by "M. Curie" --into prerequisites.csv
    """
    suggested = read_suggestions(suggestions)
    chosen = _chosen(suggested, rows, by, suggestions)
    edges = read_prerequisites(into) if into.exists() else ()
    together = accept(chosen, by=by or "", on=datetime.now(UTC).date(), into=edges, file=into.name)
    write_prerequisites(together, into)
    say(f"{into}: {len(together):,} edges, {len(together) - len(edges):,} of them new.")
    if as_json:
        print_json({"edges": [asdict(edge) for edge in together]})
    else:
        out.print(_edges(together))


def _chosen(suggested: Sequence[Edge], rows: str | None, by: str | None, path: Path) -> list[Edge]:
    if rows is None:
        chosen = [edge for edge in suggested if edge.is_accepted]
        if not chosen:
            raise DataError(
                f"Nobody accepted a row of {path}: fill in accepted_by and accepted_on, or give --rows and --by."
            )
        return chosen
    if not (by and by.strip()):
        raise DataError(f"--rows ({rows}) needs --by: an edge names who accepted it.")
    numbers = [text.strip() for text in rows.split(",")]
    wrong = [text for text in numbers if not text.isdecimal() or not 1 <= int(text) <= len(suggested)]
    if wrong:
        raise DataError(
            f"--rows ({', '.join(wrong)}) must be numbers from 1 to {len(suggested)}, parted by commas."
        )
    return [suggested[int(text) - 1] for text in dict.fromkeys(numbers)]


def _edges(edges: Sequence[Edge]) -> Table:
    table = Table("skill", "needs", "source", "students", "confidence", "accepted by", "on")
    for edge in edges:
        table.add_row(
            escape(edge.skill),
            escape(edge.needs),
            edge.source,
            "" if edge.support is None else f"{edge.support:,}",
            "" if edge.confidence is None else f"{edge.confidence:.3f}",
            escape(edge.accepted_by),
            edge.accepted_on,
        )
    return table
