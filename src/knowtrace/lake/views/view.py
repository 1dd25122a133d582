"""What a view is, and the query that withholds its small cells.

A view's `cells` are written once, in DuckDB's SQL over the tables of the lake. A cell is one row. Where rows speak of
students, the query around them withholds a cell

- that speaks of fewer than `minimum` distinct students;
- that, with smaller cells of its family, would let a reader subtract: cells of a family add up to a figure that another
  view shows, so cells are withheld from the smallest up until those withheld count `minimum` students together;
- whose cell in the view `within` is withheld, as the sum of its parts would show it.

A withheld cell keeps its key; its measures are null and `is_suppressed` is true.
"""

from dataclasses import dataclass
from typing import Literal

ViewType = Literal["text", "long", "double", "boolean", "date"]

STUDENTS = "num_students"
FLAG = "is_suppressed"

FLAG_MEANING = "Whether the cell is withheld; its measures are null then."

SQL_TYPES: dict[ViewType, str] = {
    "text": "VARCHAR",
    "long": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewColumn:
    """One column of a view. A measure may speak of fewer students than its cell: `students` counts them in `cells`."""

    name: str
    type: ViewType
    meaning: str
    students: str = STUDENTS


@dataclass(frozen=True, kw_only=True)
class View:
    """One view: no two rows have one `key`; `labels` say more of the key and are never withheld.

    `family` names the columns of the cells that add up to one figure: all cells when it is empty. `within` is the view
    whose cell holds this one, found by `family`. A view whose cells count no students is not about people, unless it
    has a `within`.
    """

    name: str
    grain: str
    about: str
    key: tuple[ViewColumn, ...]
    measures: tuple[ViewColumn, ...]
    cells: str
    labels: tuple[ViewColumn, ...] = ()
    family: tuple[str, ...] = ()
    within: str | None = None

    @property
    def counts_students(self) -> bool:
        return any(column.name == STUDENTS for column in self.measures)

    @property
    def withholds(self) -> bool:
        return self.counts_students or self.within is not None

    @property
    def columns(self) -> tuple[ViewColumn, ...]:
        """The columns in the order of the view."""
        flag = (ViewColumn(name=FLAG, type="boolean", meaning=FLAG_MEANING),) if self.withholds else ()
        return (*self.key, *self.labels, *flag, *self.measures)


def query(view: View, minimum: int) -> str:
    """Return a view's whole query in DuckDB's SQL. Raises: ValueError when `minimum` is below 1."""
    if minimum < 1:
        raise ValueError(f"minimum ({minimum}) must be at least 1, which withholds nothing.")
    shown = [f"CAST({column.name} AS {SQL_TYPES[column.type]}) AS {column.name}" for column in view.columns]
    if not view.withholds:
        return f"WITH cells AS ({view.cells}) SELECT {', '.join(shown)} FROM cells"
    kept = (*view.key, *view.labels)
    shown = shown[: len(kept) + 1] + [_measure(view, column, minimum) for column in view.measures]
    return (
        f"WITH cells AS ({view.cells}), "
        f"added AS (SELECT c.*, {_smaller(view)} AS num_in_smaller FROM cells AS c), "
        f"judged AS (SELECT a.*, {_rule(view, minimum)} AS {FLAG} FROM added AS a{_whole(view)}) "
        f"SELECT {', '.join(shown)} FROM judged"
    )


def _smaller(view: View) -> str:
    """Return the sum of students over the smaller cells of the family, equals in a fixed order."""
    if not view.counts_students:
        return "0"
    parts = f"PARTITION BY {', '.join(f'c.{name}' for name in view.family)} " if view.family else ""
    # Databases sort text by their own language; a digest sorts alike in all of them.
    order = [f"MD5(c.{k.name})" if k.type == "text" else f"c.{k.name}" for k in view.key]
    rows = "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    return (
        f"COALESCE(SUM(c.{STUDENTS}) OVER ({parts}ORDER BY {', '.join((f'c.{STUDENTS}', *order))} {rows}), 0)"
    )


def _rule(view: View, minimum: int) -> str:
    rules: list[str] = []
    if view.counts_students:
        rules.append(f"a.{STUDENTS} < {minimum}")
        rules.append(f"a.num_in_smaller BETWEEN 1 AND {minimum - 1}")
    if view.within is not None:
        rules.append(f"COALESCE(w.{FLAG}, TRUE)")
    return f"({' OR '.join(rules)})"


def _whole(view: View) -> str:
    if view.within is None:
        return ""
    same = " AND ".join(f"a.{name} = w.{name}" for name in view.family)
    return f" LEFT JOIN {view.within} AS w ON {same}"


def _measure(view: View, column: ViewColumn, minimum: int) -> str:
    enough = f"NOT {FLAG}"
    if column.students != STUDENTS:
        enough += f" AND {column.students} >= {minimum}"
    return f"CAST(CASE WHEN {enough} THEN {column.name} END AS {SQL_TYPES[column.type]}) AS {column.name}"


def text(name: str, meaning: str) -> ViewColumn:
    return ViewColumn(name=name, type="text", meaning=meaning)


def long(name: str, meaning: str) -> ViewColumn:
    return ViewColumn(name=name, type="long", meaning=meaning)


def double(name: str, meaning: str, *, students: str = STUDENTS) -> ViewColumn:
    return ViewColumn(name=name, type="double", meaning=meaning, students=students)


def date(name: str, meaning: str) -> ViewColumn:
    return ViewColumn(name=name, type="date", meaning=meaning)


NUM_STUDENTS = long(STUDENTS, "Distinct students the cell speaks of.")
NUM_ANSWERS = long("num_answers", "Answers.")
SHARE_CORRECT = double("share_correct", "Share of answers in the highest category, 0 to 1.")
SKILL = text("skill_id", "The skill, as the source writes it.")
ITEM = text("item_id", "The item, as the source writes it.")

DATED = "e.timestamp >= TIMESTAMP '2000-01-01 00:00:00'"
"""An earlier time counts from an unknown origin: its date means nothing."""
