"""The ready queries of the two workbooks run as they stand, in both databases, with the same rows."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lake.views.databases import Views, same

Both = Callable[[Path, int], tuple[Views, Views]]

ROOT = Path(__file__).resolve().parents[3]
WORKBOOKS = sorted((ROOT / "docs" / "bi").glob("*.sql"))


def queries(workbook: Path) -> dict[str, str]:
    parts = workbook.read_text(encoding="utf-8").split("-- name: ")[1:]
    return {name: text for name, _, text in (part.partition("\n") for part in parts)}


QUERIES = [(path.stem, name, text) for path in WORKBOOKS for name, text in queries(path).items()]


def test_there_are_two_workbooks_of_six_to_eight_queries() -> None:
    assert [path.stem for path in WORKBOOKS] == ["item_skill_health", "teaching_overview"]
    assert all(6 <= len(queries(path)) <= 8 for path in WORKBOOKS)


@pytest.mark.parametrize("minimum", [1, 5])
def test_queries_give_the_same_rows_in_both_databases(school: Path, both_views: Both, minimum: int) -> None:
    here, there = both_views(school, minimum)
    for workbook, name, text in QUERIES:
        ours, theirs = here.query(text), there.query(text)
        assert len(ours) == len(theirs), (workbook, name)
        assert all(same(a, b) for a, b in zip(ours, theirs, strict=True)), (workbook, name, ours, theirs)


def test_retention_is_the_share_of_the_cohort_that_came_back(school: Path, both_views: Both) -> None:
    """Five of six came back in the second week."""
    views, _ = both_views(school, 5)
    rows = views.query(queries(ROOT / "docs/bi/teaching_overview.sql")["retention"])
    assert [row[-1] for row in rows] == pytest.approx([1.0, 5 / 6])
