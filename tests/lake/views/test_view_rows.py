"""What the views show of a school of six, each figure counted by hand from the events in conftest.py."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from knowtrace.lake.views import VIEWS
from lake.views.databases import Row, Views, key_of, same

Open = Callable[[Path, int], Views]
Both = Callable[[Path, int], tuple[Views, Views]]

FIRST, SECOND = date(2024, 1, 1), date(2024, 1, 8)


def values(row: Row, *names: str) -> tuple[object, ...]:
    return tuple(row[name] for name in names)


def test_overview_counts_everything_once(school: Path, open_views: Open) -> None:
    """Right answers: 3 + 2 + 4 + 0 of 16."""
    row = open_views(school, 5).cell("bi_overview")
    assert row == {
        "is_suppressed": False,
        "num_students": 6,
        "num_answers": 16,
        "num_items": 3,
        "share_correct": 9 / 16,
        "num_undated_answers": 1,
        "first_day": date(2024, 1, 1),
        "last_day": date(2024, 1, 8),
    }


def test_weeks_begin_on_monday(school: Path, open_views: Open) -> None:
    views = open_views(school, 5)
    assert [tuple(row.values()) for row in views.rows("bi_weekly_activity")] == [
        (FIRST, False, 6, 10, 2, 0.5),
        (SECOND, False, 5, 5, 1, 0.8),
    ]


def test_days(school: Path, open_views: Open) -> None:
    assert [tuple(row.values()) for row in open_views(school, 4).rows("bi_daily_activity")] == [
        (date(2024, 1, 1), FIRST, False, 6, 6, 1, 0.5),
        (date(2024, 1, 2), FIRST, False, 4, 4, 1, 0.5),
        (date(2024, 1, 8), SECOND, False, 5, 5, 1, 0.8),
    ]


def test_engagement(school: Path, open_views: Open) -> None:
    """Distinct items: two for s1 to s4 and s6, one for s5."""
    (row,) = open_views(school, 5).rows("bi_engagement")
    assert values(row, "band", "answers_per_student", "num_students", "num_answers") == (1, "1-9", 6, 16)
    assert row["share_correct"] == pytest.approx(9 / 16)
    assert row["mean_items"] == pytest.approx(11 / 6)


def test_retention_follows_a_cohort(school: Path, open_views: Open) -> None:
    assert [tuple(row.values()) for row in open_views(school, 5).rows("bi_cohort_retention")] == [
        (FIRST, 0, FIRST, False, 6, 10, 0.5),
        (FIRST, 1, SECOND, False, 5, 5, 0.8),
    ]


def test_an_answer_with_two_skills_counts_for_both(school: Path, open_views: Open) -> None:
    """x: 11 answers to a and 4 to b, 9 right; times 1 to 6 s; help known of s1 to s4, taken by s1."""
    x, y = open_views(school, 4).rows("bi_skill_practice")
    assert values(x, "skill_id", "num_students", "num_answers", "num_items") == ("x", 6, 15, 2)
    assert x["share_correct"] == pytest.approx(9 / 15)
    assert values(x, "first_share_correct", "median_seconds", "share_with_help") == (0.5, 3.5, 0.25)
    assert tuple(y.values()) == ("y", False, 4, 4, 1, 0.5, 0.5, None, None)


def test_a_figure_known_of_too_few_students_is_null_in_a_cell_that_is_shown(
    school: Path, open_views: Open
) -> None:
    """Six students answered a, but only four say whether they took help."""
    row = open_views(school, 5).cell("bi_item_quality", item_id="a")
    assert values(row, "is_suppressed", "num_students", "share_with_help") == (False, 6, None)
    assert open_views(school, 4).cell("bi_item_quality", item_id="a")["share_with_help"] == 0.25


def test_learning_curves_count_opportunities_per_student(school: Path, open_views: Open) -> None:
    """The second answer with x is b for s1 to s4 and a for s5: 2 of 5 right."""
    rows = open_views(school, 4).rows("bi_learning_curves")
    assert [tuple(row.values()) for row in rows] == [
        ("x", 1, False, 6, 0.5),
        ("x", 2, False, 5, 0.4),
        ("x", 3, False, 4, 1.0),
        ("y", 1, False, 4, 0.5),
    ]


def test_standing_goes_by_the_last_answers(school: Path, open_views: Open) -> None:
    """In x: s1 and s2 all right, s3 two of three, s4 one of three, s5 and s6 fewer than three answers."""
    rows = open_views(school, 1).rows("bi_skill_standing")
    assert [values(row, "skill_id", "standing", "num_students", "num_answers") for row in rows] == [
        ("x", "few answers", 2, 3),
        ("x", "high", 2, 6),
        ("x", "low", 1, 3),
        ("x", "middle", 1, 3),
        ("y", "few answers", 4, 4),
    ]


def test_latency_bands_hold_their_lower_edge(school: Path, open_views: Open) -> None:
    rows = open_views(school, 1).rows("bi_skill_latency")
    shown = [values(row, "seconds_from", "num_students", "num_answers") for row in rows]
    assert shown == [(1, 1, 1), (2, 3, 3), (5, 2, 2)]
    assert [row["share_correct"] for row in rows] == pytest.approx([1.0, 2 / 3, 0.0])


def test_item_quality(school: Path, open_views: Open) -> None:
    """a: first answers (1, 1, 1, 0, 0) of s1 to s4 and s6 against (1, 1, 0, 0, 0) elsewhere: r = 0.8 / 1.2.

    b: (1, 1, 0, 0) against (1, 1, 1, 0.5): r = 0.25 / sqrt(1 x 0.1875).
    """
    a, b, c = open_views(school, 1).rows("bi_item_quality")
    assert values(a, "skills", "num_students", "num_answers", "first_share_correct") == ("x", 6, 11, 0.5)
    assert [a["share_correct"], a["mean_credit"]] == pytest.approx([7 / 11, 7 / 11])
    assert values(a, "median_seconds", "share_with_help") == (3.5, 0.25)
    assert a["item_rest_correlation"] == pytest.approx(2 / 3)
    assert values(b, "skills", "num_students", "num_answers") == ("x, y", 4, 4)
    assert b["item_rest_correlation"] == pytest.approx(0.25 / 0.1875**0.5)
    assert tuple(c.values()) == ("c", "", False, 1, 1, 0.0, 0.0, 0.0, None, None, None)


def test_item_months(school: Path, open_views: Open) -> None:
    a = open_views(school, 4).cell("bi_item_months", item_id="a")
    assert values(a, "month", "num_students", "num_answers") == (date(2024, 1, 1), 6, 11)
    assert a["share_correct"] == pytest.approx(7 / 11)


def test_places_that_later_stages_fill(school: Path, open_views: Open) -> None:
    """What a calibration says of c, which one student met, is withheld too; of two watches of a day the last counts."""
    views = open_views(school, 4)
    a, c = views.rows("bi_item_parameters")
    assert tuple(a.values()) == ("a", "m1", False, -0.5, 1.25, 0.0, None, 11)
    assert tuple(c.values()) == ("c", "m1", True, None, None, None, None, None)
    (watch,) = views.rows("bi_item_drift")
    assert tuple(watch.values()) == ("a", date(2024, 3, 1), False, -0.5, -1.5, 1.0, 1)


def test_calibration_by_tenths(school: Path, open_views: Open) -> None:
    """Five predictions of 0.72 to s1 to s5, three of them right; 1.0 falls into the last tenth."""
    zero, seven, nine = open_views(school, 1).rows("bi_prediction_calibration")
    assert values(seven, "tenth", "num_students", "num_predictions") == (7, 5, 5)
    assert [seven["mean_predicted"], seven["mean_credit"]] == pytest.approx([0.72, 0.6])
    assert values(zero, "tenth", "num_predictions", "mean_credit") == (0, 1, 0.0)
    assert values(nine, "tenth", "num_predictions", "mean_credit") == (9, 1, 1.0)


def test_loads_and_quarantine(school: Path, open_views: Open) -> None:
    views = open_views(school, 5)
    (load,) = views.rows("bi_loaded_answers")
    assert tuple(load.values()) == (date(2024, 3, 1), False, 6, 16, 9 / 16, 1, 1, 10)
    assert [tuple(row.values()) for row in views.rows("bi_quarantine")] == [
        (date(2024, 3, 1), "candidate", "", "is whole", 1),
        (date(2024, 3, 1), "candidate", "correct", "is 0 or 1", 2),
    ]


@pytest.mark.parametrize("minimum", [1, 4, 5])
def test_both_databases_show_the_same_rows(school: Path, minimum: int, both_views: Both) -> None:
    here, there = both_views(school, minimum)
    for view in VIEWS:
        ours, theirs = here.rows(view.name), there.rows(view.name)
        assert len(ours) == len(theirs) > 0, view.name
        for one, other in zip(ours, theirs, strict=True):
            assert same(list(one.values()), list(other.values())), (view.name, key_of(view, one))


def test_no_view_shows_a_student_or_a_file(school: Path, open_views: Open) -> None:
    views = open_views(school, 1)
    for view in VIEWS:
        for row in views.rows(view.name):
            text = repr(row)
            assert not [f"s{n}" for n in range(1, 7) if f"s{n}" in text], (view.name, row)
