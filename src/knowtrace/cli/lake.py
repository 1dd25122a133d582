"""`knowtrace lake`: raw logs to clean tables, and where each row came from."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from knowtrace.cli.data import parse_responses
from knowtrace.cli.options import ColumnsOption, ContentsOption
from knowtrace.cli.terminal import ids_in, notes, out, pairs, print_json, say, warn
from knowtrace.errors import DataError

if TYPE_CHECKING:
    from knowtrace.lake import ItemLineage, LakeReceipt, Lineage

app = typer.Typer(
    no_args_is_help=True, help="Raw logs to bronze, silver and gold tables, on DuckDB or Spark."
)

LakeOption = Annotated[Path, typer.Option("--into", "--lake", help="The folder of the lake.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")]


@app.command("build")
def build_command(
    *,
    source: Annotated[
        list[Path], typer.Option(help="A file, folder or archive of answers; give it again for more.")
    ],
    into: LakeOption,
    engine: Annotated[str, typer.Option(help="duckdb (this machine, no set-up) or spark.")] = "duckdb",
    table_format: Annotated[
        str, typer.Option("--format", help="parquet, or delta: a Delta log over the same files.")
    ] = "parquet",
    columns: ColumnsOption = None,
    responses: Annotated[
        str | None, typer.Option(help="ordered or partial-credit, where a source leaves it open.")
    ] = None,
    categories: Annotated[int | None, typer.Option(help="How many response categories there are.")] = None,
    contents: ContentsOption = None,
    skill_map: Annotated[
        Path | None,
        typer.Option(
            help="A reviewed skill map: answers have its skills in place of their tags from then on."
        ),
    ] = None,
    memory: Annotated[str, typer.Option(help="What the engine may hold before it spills to disk.")] = "4GB",
    threads: Annotated[
        int, typer.Option(min=1, help="Cores of the engine, and processes that land files.")
    ] = 2,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be landed, and change nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring a lake up to date with its sources. What is known already is passed over; a stopped build goes on.

    Example: knowtrace lake build --source exports/ --into lake
    """
    from knowtrace.lake import BuildOptions, SourceOptions, build_lake, plan_build  # noqa: PLC0415 - an extra

    if table_format not in ("parquet", "delta"):
        raise DataError(f"--format ({table_format!r}) must be parquet or delta.")
    options = SourceOptions(
        columns=pairs(columns, option="--columns"),
        responses=parse_responses(responses),
        categories=categories,
        contents=contents,
    )
    if dry_run:
        _show_plan(plan_build(into, source, options, skill_map), as_json=as_json)
        return
    with _Bars() as bars:
        report = build_lake(
            into,
            source,
            options,
            BuildOptions(
                engine=engine,
                memory=memory,
                threads=threads,
                workers=threads,
                is_delta=table_format == "delta",
                skill_map=skill_map,
            ),
            progress=bars.show,
        )
    for note in report.landing.notes:
        say(f"Note: {note}")
    if report.landing.num_unreadable_files:
        warn(
            f"{report.landing.num_unreadable_files:,} files could not be read: silver.quarantine names them."
        )
    if as_json:
        print_json(asdict(report))
    else:
        _show_report(report)


@app.command("append")
def append_command(
    table: Annotated[str, typer.Argument(help="A table that later stages fill, as gold.item_drift.")],
    file: Annotated[Path, typer.Argument(help="Its rows, as Parquet or CSV with a header.")],
    *,
    lake: LakeOption,
    as_json: JsonOption = False,
) -> None:
    """Add what was computed elsewhere to a lake, as predictions or drift: all of a file in one commit, or nothing.

    Example: knowtrace lake append gold.item_drift drift.csv --lake lake
    """
    from knowtrace.lake import append_rows  # noqa: PLC0415 - an extra

    report = append_rows(lake, table, file)
    if as_json:
        print_json(asdict(report))
        return
    erased = f", {report.num_erased:,} of erased students left out" if report.num_erased else ""
    say(f"{report.table}: {report.num_new:,} new rows, {report.num_known:,} known before{erased}.")
    say(f"Commit {report.version}.")


@app.command("status")
def status_command(*, lake: LakeOption, as_json: JsonOption = False) -> None:
    """Say what a lake holds: rows, files and bytes of each table, and what waits.

    Example: knowtrace lake status --lake lake
    """
    from knowtrace.lake import status_of  # noqa: PLC0415 - an extra

    status = status_of(lake)
    if as_json:
        print_json(asdict(status))
        return
    table = RichTable(
        "table",
        "rows",
        "files",
        "MB",
        "a row is",
        title=f"{escape(str(lake))}, commit {status.version}",
        title_justify="left",
    )
    for entry in status.tables:
        table.add_row(
            entry.name,
            f"{entry.num_rows:,}",
            f"{entry.num_files:,}",
            f"{entry.num_bytes / 1e6:,.1f}",
            entry.grain,
        )
    out.print(table)
    if status.num_pending:
        out.print(f"{status.num_pending:,} landed batches wait for the next build.")


@app.command("lineage")
def lineage_command(
    *,
    lake: LakeOption,
    user: Annotated[str | None, typer.Option(help="The student, as the source writes the id.")] = None,
    position: Annotated[int | None, typer.Option(min=1, help="Which answer of the student, from 1.")] = None,
    item: Annotated[
        str | None, typer.Option(help="In place of an answer: an item, as the source writes the id.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show where a row of gold came from: its event, its file and line, and the row as it was written.

    It starts from one student's answer by its position. Of an item, whose rows have no single line behind them, it
    shows the files its answers came from, the first of these answers with their lines, and what was appended of it.

    Example: knowtrace lake lineage --lake lake --user u17 --position 3
    """
    from knowtrace.lake import CommitLog, item_lineage, lineage_of  # noqa: PLC0415 - an extra

    if (user is None) != (position is None) or (user is None) == (item is None):
        raise DataError("An answer or an item has a lineage: give --user with --position, or --item alone.")
    snapshot = CommitLog(lake).last()
    if item is not None:
        of_item = item_lineage(lake, snapshot, item)
        if as_json:
            print_json(asdict(of_item))
        else:
            _show_item(of_item)
    elif user is not None and position is not None:
        lineage = lineage_of(lake, snapshot, user, position)
        if as_json:
            print_json(asdict(lineage))
        else:
            _show_lineage(lineage)


def _show_lineage(lineage: "Lineage") -> None:
    for title, record in (
        ("gold.wdirt_features", lineage.features),
        ("silver.canonical_learning_events", lineage.event),
        ("the row as written", lineage.raw),
        ("bronze.source_files", lineage.source),
    ):
        _show_record(title, record or {"": "its lines are not kept"})


def _show_record(title: str, record: dict[str, Any]) -> None:
    table = RichTable(show_header=False, title=title, title_justify="left", box=None)
    table.add_column(style="dim")
    table.add_column()
    for name, value in record.items():
        table.add_row(name, escape(str(value)))
    out.print(table)


def _show_item(item: "ItemLineage") -> None:
    _show_record("gold.item_vocabulary", item.vocabulary)
    for parameters in item.parameters:
        _show_record("gold.item_parameters", parameters)
    out.print(
        f"{item.num_events:,} answers from {item.num_files:,} files, on {item.num_days:,} rows of gold.item_days."
    )
    files = RichTable("source_file", "dataset", "landed", "answers", title="files, most answers first")
    for file in item.files:
        files.add_row(
            escape(file.source_file), escape(file.dataset), str(file.loaded_at), f"{file.num_events:,}"
        )
    places = RichTable("student", "position", "answered", "source_file", "line", title="first answers")
    for place in item.places:
        names = ("user_id", "position", "timestamp", "source_file", "line")
        places.add_row(*(escape(str(place[name])) for name in names))
    out.print(files, places)
    if item.first is not None:
        _show_lineage(item.first)


@app.command("erase")
def erase_command(
    *,
    lake: LakeOption,
    student: Annotated[
        list[str] | None,
        typer.Option(help="Whom to erase, as the source writes the id; give it again for more."),
    ] = None,
    students: Annotated[
        Path | None,
        typer.Option(help="A file of ids, one a line: they do not show in the list of processes."),
    ] = None,
    engine: Annotated[str, typer.Option(help="duckdb (this machine, no set-up) or spark.")] = "duckdb",
    memory: Annotated[str, typer.Option(help="What the engine may hold before it spills to disk.")] = "4GB",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: it cannot be undone.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase students from every table of a lake and its older versions, keep a receipt, and never take them in again.

    Example: knowtrace lake erase --lake lake --student u17 --yes
    """
    from knowtrace.lake import erase_students  # noqa: PLC0415 - an extra

    ids = [*(student or []), *(ids_in(students) if students else [])]
    if not yes:
        typer.confirm(
            f"Erase {len(set(ids)):,} students from the lake {lake}? It cannot be undone.", abort=True
        )
    receipt = erase_students(lake, ids, engine=engine, memory=memory)
    if as_json:
        print_json(asdict(receipt))
    else:
        _show_receipt(receipt)


def _show_receipt(receipt: "LakeReceipt") -> None:
    known = f"{receipt.num_known:,} of {receipt.num_students:,} students had been erased before"
    if receipt.is_unchanged:
        say(f"Nothing was changed: {known}, and no row names them.")
        return
    held = ", ".join(f"{table} {count:,}" for table, count in receipt.rows.items())
    say(f"Erased: {sum(receipt.rows.values()):,} rows ({held or 'the lake holds none'}); {known}.")
    if unknown := receipt.num_students - receipt.num_found:
        say(f"The lake has no answers of {unknown:,} of them: should it have, check the ids.")
    say(f"{receipt.num_files_removed:,} older files are gone. Later builds leave these students out.")
    say(f"Receipt {receipt.receipt_id}, commit {receipt.version}.")
    for line in receipt.still_counted:
        say(f"Still counted: {line}")
    for line in receipt.not_covered:
        say(f"Not covered: {line}")


def _show_plan(plan: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(plan))
        return
    table = RichTable(
        "source", "format", "files", "new", "MB new", title="Nothing was changed", title_justify="left"
    )
    for part in plan.sources:
        table.add_row(
            escape(part.path),
            part.format,
            f"{part.num_files:,}",
            f"{part.num_new:,}",
            f"{part.new_bytes / 1e6:,.1f}",
        )
    out.print(table)
    if plan.skill_map:
        out.print(
            f"{escape(plan.skill_map.path)} is new: {plan.skill_map.num_tags:,} tags, by which "
            f"{plan.skill_map.num_read_again:,} landed answers would be read again."
        )


def _show_report(report: Any) -> None:
    landing = report.landing
    facts = RichTable(show_header=False, box=None)
    facts.add_column(style="dim")
    facts.add_column()
    facts.add_row("files", f"{landing.num_files:,} new, {landing.num_known_files:,} known before")
    facts.add_row(
        "rows read",
        f"{landing.num_rows:,}, of them {landing.num_merged:,} merged, {landing.num_quarantined:,} quarantined",
    )
    facts.add_row(
        "answers",
        f"{report.num_candidates:,} = {report.num_taken:,} new events + {report.num_repeats:,} repeats + "
        f"{report.num_faulty:,} quarantined"
        + (f" + {report.num_corrected:,} corrected or withdrawn" if report.num_corrected else "")
        + (f"; the lake has {report.num_new_events:+,}" if report.num_new_events != report.num_taken else ""),
    )
    if landing.num_erased or landing.num_erased_files:
        facts.add_row(
            "erased students",
            f"{landing.num_erased:,} of the quarantined rows, and {landing.num_erased_files:,} files: left out",
        )
    if report.num_map_tags is not None:
        facts.add_row("skill map", f"new, {report.num_map_tags:,} tags: all answers were read by it")
    if report.is_unchanged:
        facts.add_row("", "nothing is new: the lake is as it was")
    out.print(facts)
    table = RichTable("table", "rows")
    for name in sorted(report.rows, key=_by_layer):
        table.add_row(name, f"{report.rows[name]:,}")
    out.print(table)
    seconds = ", ".join(f"{stage} {time:.1f} s" for stage, time in report.seconds.items())
    out.print(f"Commit {report.version}. {seconds}.")


def _by_layer(name: str) -> tuple[int, str]:
    return ("bronze", "silver", "gold").index(name.split(".", 1)[0]), name


class _Bars:
    """A bar per stage of a build, on standard error."""

    def __init__(self) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=notes,
            transient=True,
        )
        self.tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "_Bars":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def show(self, stage: str, done: int, total: int) -> None:
        if stage not in self.tasks:
            self.tasks[stage] = self.progress.add_task(stage, total=total)
        self.progress.update(self.tasks[stage], completed=done, total=total)
