"""One definition, three dialects: each is read again by its own grammar, and names what it should."""

import pytest
import sqlglot
from sqlglot import exp

from knowtrace.lake.views import VIEWS, View
from knowtrace.lake.views.dialects import DIALECTS, Dialect, create_view, tables_read, view_query


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_is_read_by_its_dialect_and_has_its_columns(view: View, dialect: Dialect) -> None:
    (statement,) = sqlglot.parse(create_view(view, dialect, 5), read=dialect)
    assert isinstance(statement, exp.Create)
    assert statement.expression.named_selects == [column.name for column in view.columns]


def test_views_stand_after_those_that_hold_them() -> None:
    names = [view.name for view in VIEWS]
    assert len(set(names)) == len(names)
    for view in VIEWS:
        assert view.within is None or names.index(view.within) < names.index(view.name)


def test_names_are_stable() -> None:
    """Workbooks are built on these names: they change on purpose or not at all."""
    assert [view.name for view in VIEWS] == [
        "bi_overview",
        "bi_weekly_activity",
        "bi_daily_activity",
        "bi_engagement",
        "bi_cohort_retention",
        "bi_skill_practice",
        "bi_learning_curves",
        "bi_skill_standing",
        "bi_skill_latency",
        "bi_item_quality",
        "bi_item_months",
        "bi_item_parameters",
        "bi_item_drift",
        "bi_loaded_answers",
        "bi_quarantine",
        "bi_prediction_calibration",
    ]


def test_schemas_are_the_dialects_own() -> None:
    (daily,) = [view for view in VIEWS if view.name == "bi_daily_activity"]
    expected: dict[Dialect, set[str]] = {
        "duckdb": {"silver.canonical_learning_events", "bi_weekly_activity"},
        "postgres": {"lake_silver.canonical_learning_events", "lake_bi.bi_weekly_activity"},
        "spark": {"silver.canonical_learning_events", "lake_bi.bi_weekly_activity"},
    }
    for dialect, names in expected.items():
        tree = sqlglot.parse_one(view_query(daily, dialect, 5), read=dialect)
        found = {table.sql() for table in map(_bare, tree.find_all(exp.Table))}
        assert found - {"cells", "added", "judged"} == names


def _bare(table: exp.Table) -> exp.Table:
    return exp.table_(table.name, db=table.db or None)


def test_medians_are_exact_in_spark_too() -> None:
    """sqlglot alone would write percentile_approx."""
    (skills,) = [view for view in VIEWS if view.name == "bi_skill_practice"]
    assert "PERCENTILE(" in view_query(skills, "spark", 5)
    assert "APPROX" not in view_query(skills, "spark", 5)


def test_only_views_that_count_rows_withhold_nothing() -> None:
    assert [view.name for view in VIEWS if not view.withholds] == ["bi_quarantine"]


def test_the_tables_that_views_read() -> None:
    assert [table.full_name for table in tables_read(VIEWS)] == [
        "gold.item_drift",
        "gold.item_parameters",
        "gold.sakt_predictions",
        "silver.canonical_learning_events",
        "silver.items",
        "silver.quarantine",
        "silver.users",
    ]
