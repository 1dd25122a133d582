"""The pages on tables and views say what the definitions say."""

from pathlib import Path

from knowtrace.lake import TABLES
from knowtrace.lake.dictionary import VIEWS_BEGIN, VIEWS_END, tables_page, views_part
from knowtrace.lake.views import VIEWS

DOCS = Path(__file__).resolve().parents[2] / "docs"
REWRITE = "run `python -m knowtrace.lake.dictionary docs`"


def test_the_page_of_tables_is_as_the_definitions_are() -> None:
    assert (DOCS / "lake_tables.md").read_text(encoding="utf-8") == tables_page(), REWRITE


def test_the_page_of_views_is_as_the_definitions_are() -> None:
    page = (DOCS / "bi.md").read_text(encoding="utf-8")
    assert page.count(VIEWS_BEGIN) == page.count(VIEWS_END) == 1
    part = page[page.index(VIEWS_BEGIN) : page.index(VIEWS_END) + len(VIEWS_END)]
    assert part == views_part(), REWRITE


def test_every_table_and_column_is_described() -> None:
    page = tables_page()
    for table in TABLES:
        assert page.count(f"\n### {table.full_name}\n") == 1
        assert all(f"| `{column.name}` | {column.type} |" in page for column in table.columns)


def test_every_view_says_what_it_withholds() -> None:
    part = views_part()
    assert part.count("Withheld: ") == len(VIEWS)
