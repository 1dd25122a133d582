"""Small cells are withheld, and what would let a reader subtract them is withheld with them."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowtrace.lake.views import VIEWS
from knowtrace.lake.views.view import NUM_ANSWERS, NUM_STUDENTS, View, query, text
from lake.views.conftest import MONDAY
from lake.views.databases import Views
from lake.views.written_lake import Event, write_lake

Open = Callable[[Path, int], Views]


def key_names(view: View) -> set[str]:
    return {column.name for column in (*view.key, *view.labels)}


@pytest.mark.parametrize(("num_students", "is_withheld"), [(4, True), (5, False)])
def test_four_students_are_withheld_in_every_view_and_five_are_shown(
    tmp_path: Path, open_views: Open, num_students: int, is_withheld: bool
) -> None:
    """All students do the same on one day, so every cell of every view speaks of all of them."""
    events = [
        Event(student=f"u{n}", item="a", skills=("x",), at=MONDAY, response=1, latency_ms=900, help=False)
        for n in range(num_students)
    ]
    item = {"item_id": "a", "difficulty": 0.0, "computed_at": MONDAY}
    others = {
        "gold.item_parameters": [
            {**item, "discrimination": 1.0, "guessing": 0.0, "num_events": 5, "model_version": "m"}
        ],
        "gold.item_drift": [
            {**item, "recent_success_rate": 1.0, "implied_difficulty": 0.0, "drift_score": 0.0, "has_drift": False,
             "recent_attempts": 5}
        ],
        "gold.sakt_predictions": [
            {"user_id": f"u{n}", "item_id": "a", "position": 1, "actual": 1, "predicted": 0.5, "model_version": "m",
             "computed_at": MONDAY}
            for n in range(num_students)
        ],
    }  # fmt: skip
    views = open_views(write_lake(tmp_path / "lake", events, others), 5)
    for view in VIEWS:
        if not view.withholds:
            continue
        (row,) = views.rows(view.name)
        measures = {name: row[name] for name in row if name not in key_names(view) | {"is_suppressed"}}
        assert row["is_suppressed"] is is_withheld, view.name
        if is_withheld:
            assert set(measures.values()) == {None}, view.name
        else:
            assert any(value is not None for value in measures.values()), view.name


def test_a_day_is_withheld_with_the_small_day_of_its_week(school: Path, open_views: Open) -> None:
    """Tuesday has four students. The week's 10 answers less Monday's 6 would be Tuesday's 4: Monday goes too."""
    days = open_views(school, 5).rows("bi_daily_activity")
    assert [row["is_suppressed"] for row in days] == [True, True, False]
    assert [row["num_answers"] for row in days] == [None, None, 5]


def test_the_parts_of_a_withheld_week_are_withheld(tmp_path: Path, open_views: Open) -> None:
    """The first week has three students; the second, shown, would give it away, so it is withheld with its only day."""
    first = [Event(student=f"u{n}", item="a", at=MONDAY) for n in range(3)]
    second = [Event(student=f"u{n}", item="a", at=MONDAY.replace(day=9)) for n in range(8)]
    views = open_views(write_lake(tmp_path / "lake", [*first, *second]), 5)
    for name in ("bi_weekly_activity", "bi_daily_activity", "bi_cohort_retention"):
        assert all(row["is_suppressed"] for row in views.rows(name)), name
    assert views.cell("bi_overview")["num_answers"] == 11


CELLS = View(
    name="bi_cells",
    grain="one cell",
    about="",
    key=(text("family", ""), text("cell", "")),
    measures=(NUM_STUDENTS, NUM_ANSWERS),
    family=("family",),
    cells="SELECT family, cell, num_students, num_answers FROM given",
)

FAMILIES = st.dictionaries(
    st.sampled_from(["p", "q", "r"]),
    st.lists(st.tuples(st.integers(1, 12), st.integers(0, 9)), min_size=1, max_size=7),
    min_size=1,
)


@settings(max_examples=30, deadline=None)
@given(families=FAMILIES, minimum=st.integers(1, 8))
def test_a_reader_who_knows_the_sums_learns_of_no_small_group(
    families: dict[str, list[tuple[int, int]]], minimum: int
) -> None:
    """Each student in one cell, the sum of each family known: what is left after the shown cells is nothing,
    a whole family, or of at least `minimum` students in at least two cells; and no more is withheld than is needed.
    """
    rows = [
        (family, f"{family}{i}", students, students + more)
        for family, cells in families.items()
        for i, (students, more) in enumerate(cells)
    ]
    literals = ", ".join(map(str, rows))
    table = f"given AS (SELECT * FROM (VALUES {literals}) AS v(family, cell, num_students, num_answers))"
    with duckdb.connect() as connection:
        found = connection.execute(query(CELLS, minimum).replace("WITH ", f"WITH {table}, ", 1)).fetchall()
    assert len(found) == len(rows)
    sizes = {cell: (students, answers) for _, cell, students, answers in rows}
    withheld: dict[str, list[int]] = defaultdict(list)
    for family, cell, is_withheld, students, answers in found:
        if is_withheld:
            assert (students, answers) == (None, None)
            withheld[family].append(sizes[cell][0])
        else:
            assert (students, answers) == sizes[cell]
            assert students >= minimum
    for family, cells in families.items():
        hidden = sorted(withheld[family])
        assert bool(hidden) == any(students < minimum for students, _ in cells)
        if hidden and len(hidden) < len(cells):
            assert sum(hidden) >= minimum
            assert len(hidden) >= 2
        if hidden:
            assert all(size < minimum for size in hidden[:-1])


@pytest.mark.parametrize("minimum", [0, -3])
def test_a_minimum_below_one_is_refused(minimum: int) -> None:
    with pytest.raises(ValueError, match=rf"minimum \({minimum}\) must be at least 1"):
        query(CELLS, minimum)
