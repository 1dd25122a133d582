"""`knowtrace catalogue`: items in and out, skill maps, and prerequisites."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from knowtrace.catalogue import ItemBank, bank_of, read_bank, write_bank
from knowtrace.cli import prerequisites, skill_maps
from knowtrace.cli.terminal import out, print_json, say, warn
from knowtrace.registry import Run

app = typer.Typer(
    no_args_is_help=True, help="Exchange items with other systems, map tags to skills, keep prerequisites."
)
app.command("draft-map")(skill_maps.draft_map_command)
app.command("coverage")(skill_maps.coverage_command)
app.command("suggest")(prerequisites.suggest_command)
app.command("accept")(prerequisites.accept_command)

FORMS = "FILE.json, FILE.csv, PACKAGE.zip (QTI 3), or a folder of QTI 3"
MOST_SHOWN = 20

OutOption = Annotated[Path, typer.Option("--out", help=f"Where to: {FORMS}, by the ending.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")]


@app.command("export")
def export_command(
    source: Annotated[Path, typer.Argument(help="A run, whose model knows the items, or an item bank.")],
    *,
    to: OutOption,
    as_json: JsonOption = False,
) -> None:
    """Write the items of a run or of an item bank for another system.

    A run knows ids, skills and answers of its items, never their content.

    Example: knowtrace catalogue export runs/mine --out items.csv
    """
    if (source / "manifest.json").is_file():
        bank, left_out = bank_of(Run.open(source).vocabulary), Counter[str]()
    else:
        found = read_bank(source)
        bank, left_out = found.bank, found.left_out
    _finish(source, bank, left_out, to, as_json=as_json)


@app.command("import")
def import_command(
    source: Annotated[Path, typer.Argument(help=f"Items of another system: {FORMS}.")],
    *,
    to: OutOption,
    run: Annotated[
        Path | None, typer.Option(help="A run: say which of its items the bank has, and which not.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read items of another system, hold them to the rules, and write them as an item bank.

    Nothing is written when anything breaks a rule: everything that does is named at once.

    Example: knowtrace catalogue import school.zip --out items.json --run runs/mine
    """
    found = read_bank(source)
    compared = None if run is None else _compared(found.bank, Run.open(run))
    _finish(source, found.bank, found.left_out, to, as_json=as_json, compared=compared)


def _compared(bank: ItemBank, run: Run) -> dict[str, Any]:
    in_bank = {content.item.item_id for content in bank.items}
    in_run = [item.item_id for item in run.vocabulary.items]
    missing = [item_id for item_id in in_run if item_id not in in_bank]
    return {
        "run": run.version,
        "in_both": len(in_run) - len(missing),
        "only_in_run": len(missing),
        "only_in_bank": len(in_bank.difference(in_run)),
        "first_only_in_run": missing[:MOST_SHOWN],
    }


def _finish(
    source: Path,
    bank: ItemBank,
    left_out: Counter[str],
    to: Path,
    *,
    as_json: bool,
    compared: Mapping[str, Any] | None = None,
) -> None:
    left_out = left_out + write_bank(bank, to)
    for what, count in left_out.items():
        warn(f"Left out {count:,} times: {what}.")
    say(f"{to}: {len(bank.items):,} items.")
    facts = _facts(source, bank, left_out)
    if compared is not None:
        facts["compared"] = dict(compared)
    if as_json:
        print_json(facts)
    else:
        _show(facts)


def _facts(source: Path, bank: ItemBank, left_out: Counter[str]) -> dict[str, Any]:
    skills = {skill for content in bank.items for skill in content.item.skill_ids}
    return {
        "source": source.name,
        "num_items": len(bank.items),
        "num_skills": len(skills),
        "num_named_skills": len(bank.skill_names),
        "num_without_skill": sum(not content.item.skill_ids for content in bank.items),
        "num_with_text": sum(bool(content.text or content.title) for content in bank.items),
        "num_with_key": sum(bool(content.key) for content in bank.items),
        "response_types": dict(Counter(content.response_type for content in bank.items)),
        "left_out": dict(left_out),
    }


def _show(facts: Mapping[str, Any]) -> None:
    table = Table(show_header=False, box=None)
    table.add_column(style="dim")
    table.add_column()
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in facts["response_types"].items())
    table.add_row("items", f"{facts['num_items']:,}")
    table.add_row("skills", f"{facts['num_skills']:,}, {facts['num_named_skills']:,} of them named")
    table.add_row("without skill", f"{facts['num_without_skill']:,}")
    table.add_row("with text", f"{facts['num_with_text']:,}")
    table.add_row("with key", f"{facts['num_with_key']:,}")
    table.add_row("responses", kinds or "none")
    if compared := facts.get("compared"):
        table.add_row("in the run too", f"{compared['in_both']:,}")
        examples = ", ".join(compared["first_only_in_run"])
        table.add_row(
            "only in the run", escape(f"{compared['only_in_run']:,}" + (f": {examples}" if examples else ""))
        )
        table.add_row("only in the bank", f"{compared['only_in_bank']:,}")
    out.print(f"[bold]{escape(facts['source'])}[/bold]")
    out.print(table)
