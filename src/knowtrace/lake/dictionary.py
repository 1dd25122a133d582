"""The pages that say what every table and every view holds, written from their definitions."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from knowtrace.lake.checks import TABLES
from knowtrace.lake.tables import Column, Table
from knowtrace.lake.views import MINIMUM, VIEWS
from knowtrace.lake.views.view import View

LAYERS = {
    "bronze": "What was delivered, row by row, as it was written.",
    "silver": "One canonical event per answer, and who and what it speaks of.",
    "gold": "What models, services and reports read; and the places that later stages fill.",
}

VIEWS_BEGIN = "<!-- views: written by `python -m knowtrace.lake.dictionary docs`, edit the definitions -->"
VIEWS_END = "<!-- end of views -->"


def tables_page() -> str:
    """Return `docs/lake_tables.md`."""
    lines = [
        "# Tables of the lake",
        "",
        "Written from the definitions by `src/knowtrace/lake/dictionary.py`; a test holds this page to them. No two",
        "rows of a table have one key. A table in buckets lies in sixteen parts, by the first digit of the md5 of the",
        "student's id. `timestamp` is UTC, to the microsecond; `texts`, `longs`, `ints` and `doubles` are lists.",
        "Keys, nulls, ranges and references of silver and gold are checked before a build may commit.",
    ]
    for layer, about in LAYERS.items():
        lines += ["", f"## {layer}", "", about]
        for table in TABLES:
            if table.layer == layer:
                lines += _table(table)
    return "\n".join(lines) + "\n"


def views_part() -> str:
    """Return the part of `docs/bi.md` that lists the views, between its two marks."""
    lines = [VIEWS_BEGIN]
    for view in VIEWS:
        lines += _view(view)
    return "\n".join([*lines, "", VIEWS_END])


def _table(table: Table) -> Iterable[str]:
    facts = [
        f"Grain: {table.grain}.",
        f"Key: {_names(table.key)}." if table.key else "Key: none.",
        f"Owner: {table.owner}.",
    ]
    if table.is_bucketed:
        facts.append("In buckets of students.")
    if not table.may_be_empty:
        facts.append("Never empty.")
    facts += [f"Every `{name}` is in {other}." for name, (other, _) in table.references.items()]
    rows = [(f"`{c.name}`", c.type, "yes" if c.is_nullable else "no", _rule(c)) for c in table.columns]
    return [
        "",
        f"### {table.full_name}",
        "",
        " ".join(facts),
        "",
        *_grid(("column", "type", "null", "rule"), rows),
    ]


def _rule(column: Column) -> str:
    match column.low, column.high:
        case None, None:
            return column.rule
        case low, None:
            return f"{column.rule} At least {low:g}."
        case None, high:
            return f"{column.rule} At most {high:g}."
        case low, high:
            return f"{column.rule} {low:g} to {high:g}."


def _view(view: View) -> Iterable[str]:
    facts = [view.about, f"Grain: {view.grain}."]
    if view.key:
        facts.append(f"Key: {_names([column.name for column in view.key])}.")
    facts.append(_withheld(view))
    keys = {column.name for column in view.key}
    rows = [
        (
            f"`{c.name}`",
            c.type,
            "no" if c.name in keys or c in view.labels or c.name == "is_suppressed" else "yes",
            c.meaning,
        )
        for c in view.columns
    ]
    return [
        "",
        f"### {view.name}",
        "",
        " ".join(facts),
        "",
        *_grid(("column", "type", "null", "meaning"), rows),
    ]


def _withheld(view: View) -> str:
    if not view.withholds:
        return "Withheld: nothing, it speaks of rows, not of students."
    reasons: list[str] = []
    if view.counts_students:
        family = f"cells of one {_names(view.family)}" if view.family else "all cells"
        reasons.append(
            f"cells of fewer students than the minimum ({MINIMUM} unless told), and by subtraction among {family}"
        )
    if view.within is not None:
        reasons.append(f"what `{view.within}` withholds")
    return f"Withheld: {'; '.join(reasons)}."


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows),
    ]


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def write_pages(docs: Path) -> None:
    """Write both pages anew; what stands in `bi.md` outside its marks is kept."""
    (docs / "lake_tables.md").write_text(tables_page(), encoding="utf-8")
    page = (docs / "bi.md").read_text(encoding="utf-8")
    before, _, rest = page.partition(VIEWS_BEGIN)
    _, _, after = rest.partition(VIEWS_END)
    (docs / "bi.md").write_text(before + views_part() + after, encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
