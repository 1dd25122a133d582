"""A reviewed skill map in the lake: answers have its skills, whenever the map comes."""

from pathlib import Path

import pytest

from knowtrace.catalogue import SkillMap, apply_skill_map, read_skill_map
from knowtrace.errors import DataError
from knowtrace.lake import BuildOptions, CommitLog, build_lake, erase_students, plan_build, read_lake
from knowtrace.sources import read
from lake.lake_rows import all_content, content_of, histories, rows_of

HEADER = "tag,skill,name,topic,reviewed_by,reviewed_on,note\n"
BY = "E. Xample,2026-11-21,"
MAP = f"{HEADER}11,parts,Parts of speech,Grammar,{BY}\n12,parts,,,{BY}\n99,never,,,{BY}\n13,,,,,,a draft\n"
ROWS = "event_id,student,item,skill,correct,time,withdrawn\n"


@pytest.fixture
def skill_map(tmp_path: Path) -> Path:
    path = tmp_path / "map.csv"
    path.write_text(MAP, encoding="utf-8")
    return path


@pytest.fixture
def exports(tmp_path: Path) -> list[Path]:
    """Two days of a table: the second tells an answer again, withdraws one and repeats one."""
    first, second = tmp_path / "day1.csv", tmp_path / "day2.csv"
    first.write_text(
        f"{ROWS}e1,s,a,11,1,1500000000,\ne2,s,b,13,1,1500000060,\ne3,t,a,12,0,1500000000,\n,t,c,11,0,1500000090,\n",
        encoding="utf-8",
    )
    second.write_text(
        f"{ROWS}e1,s,a,11,0,1500000009,\ne3,t,,,,,true\n,t,c,11,0,1500000090,\n", encoding="utf-8"
    )
    return [first, second]


def with_map(path: Path) -> BuildOptions:
    return BuildOptions(skill_map=path)


def unnumbered(root: Path) -> dict[str, list[str]]:
    """Return all content but the numbers of ids, which depend on when each was first met."""
    numbers = ("loaded_at", "item_index", "skill_set", "items", "skill_sets", "batch")
    left_out = ("gold.item_vocabulary", "gold.skill_vocabulary", "gold.skill_sets")
    return {
        name: content_of(root, name, without=numbers) for name in all_content(root) if name not in left_out
    }


def test_answers_have_the_skills_of_the_map(ednet: Path, skill_map: Path, tmp_path: Path) -> None:
    """As `apply_skill_map` has them: q1 is tagged 11 and 12, which are one skill."""
    report = build_lake(tmp_path / "lake", [ednet], options=with_map(skill_map))
    assert report.num_map_tags == 3
    expected = apply_skill_map(read(ednet).students, read_skill_map(skill_map))
    skills = {student: [row[1] for row in rows] for student, rows in histories(tmp_path / "lake").items()}
    assert skills == {"u1": [("parts",), ("parts",), ()]}
    assert skills == {student: [row.skill_ids for row in rows] for student, rows in expected.items()}
    (row,) = rows_of(tmp_path / "lake", "silver.skills")
    assert row == {
        "skill_id": "parts",
        "name": "Parts of speech",
        "topic": "Grammar",
        "num_items": 2,
        "num_events": 2,
    }
    items = {row["item_id"]: row["skill_ids"] for row in rows_of(tmp_path / "lake", "silver.items")}
    assert items == {"q1": ["parts"], "q2": ["parts"], "q3": []}
    trained = read_lake(tmp_path / "lake").students["u1"]
    assert [answer.skill_ids for answer in trained] == [("parts",), ("parts",), ()]


def test_the_skills_of_an_answer_stay_in_the_order_of_its_tags(
    ednet: Path, skill_map: Path, tmp_path: Path
) -> None:
    (ednet / "questions.csv").write_text(
        "question_id,bundle_id,explanation_id,correct_answer,part,tags,deployed_at\n"
        "q1,b1,e1,a,1,7;12;13;11,0\nq2,b1,e1,b,1,11;13;12;7,0\nq3,b2,e2,c,2,-1,0\n",
        encoding="utf-8",
    )
    build_lake(tmp_path / "lake", [ednet], options=with_map(skill_map))
    assert [row[1] for row in histories(tmp_path / "lake")["u1"]] == [
        ("7", "parts", "13"),
        ("parts", "13", "7"),
        (),
    ]


def test_a_map_that_comes_later_gives_the_lake_it_would_have_given_at_first(
    ednet: Path, exports: list[Path], skill_map: Path, tmp_path: Path
) -> None:
    """Also of answers told again, withdrawn and repeated, and of a lake that had another map in between."""
    other = tmp_path / "other.csv"
    other.write_text(f"{HEADER}11,verbs,,,{BY}\n", encoding="utf-8")
    late, early = tmp_path / "late", tmp_path / "early"
    for sources in ([ednet, exports[0]], exports[1:]):
        build_lake(late, sources)
        build_lake(early, sources, options=with_map(skill_map))
    without = unnumbered(late)
    build_lake(late, [ednet], options=with_map(other))
    report = build_lake(late, [ednet], options=with_map(skill_map))
    assert (report.num_new_events, report.num_corrected, report.num_repeats) == (0, 2, 1)
    assert unnumbered(late) == unnumbered(early)
    assert unnumbered(early) != without
    none = tmp_path / "none.csv"
    none.write_text(HEADER, encoding="utf-8")
    build_lake(late, [ednet], options=with_map(none))
    assert unnumbered(late) == without


def test_the_same_map_changes_nothing_and_a_lake_keeps_its_map(
    ednet: Path, skill_map: Path, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    version = build_lake(lake, [ednet], options=with_map(skill_map)).version
    rows = MAP.removeprefix(HEADER).splitlines(keepends=True)
    skill_map.write_text(HEADER + "".join(reversed(rows)).replace("a draft", "still one"), encoding="utf-8")
    again = build_lake(lake, [ednet], options=with_map(skill_map))
    assert (again.version, again.is_unchanged, again.num_map_tags) == (version, True, None)
    (ednet / "u2.csv").write_text((ednet / "u1.csv").read_text(encoding="utf-8"), encoding="utf-8")
    build_lake(lake, [ednet])
    assert [row[1] for row in histories(lake)["u2"]] == [("parts",), ("parts",), ()]


def test_numbers_of_skills_never_change(ednet: Path, skill_map: Path, tmp_path: Path) -> None:
    build_lake(tmp_path / "lake", [ednet])
    build_lake(tmp_path / "lake", [ednet], options=with_map(skill_map))
    numbers = {
        row["skill_id"]: row["skill_index"] for row in rows_of(tmp_path / "lake", "gold.skill_vocabulary")
    }
    assert numbers == {"11": 2, "12": 3, "parts": 4}


def test_a_bad_map_is_refused_with_all_its_problems(ednet: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text(f"{HEADER}11,,,,{BY}\n12,a,,,E. Xample,,\n11,a,,,{BY}\n", encoding="utf-8")
    for refused in (
        lambda: build_lake(tmp_path / "lake", [ednet], options=with_map(bad)),
        lambda: plan_build(tmp_path / "lake", [ednet], None, bad),
    ):
        with pytest.raises(DataError, match=r"3 problems: line 4, tag.*line 2, skill.*line 3, reviewed_on"):
            refused()
    assert CommitLog(tmp_path / "lake").last().version == 0


def test_a_tag_that_stays_and_is_a_skill_of_the_map_is_refused(
    ednet: Path, exports: list[Path], tmp_path: Path
) -> None:
    clash = tmp_path / "clash.csv"
    clash.write_text(f"{HEADER}11,12,,,{BY}\n99,13,,,{BY}\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [ednet, exports[0]])
    before = CommitLog(tmp_path / "lake").last()
    with pytest.raises(DataError, match=r"without a reviewed row \(12, 13\) are also skills"):
        build_lake(tmp_path / "lake", [ednet], options=with_map(clash))
    assert CommitLog(tmp_path / "lake").last() == before
    with pytest.raises(DataError):
        apply_skill_map(read(exports[0]).students, SkillMap(rows=read_skill_map(clash).rows))


def test_names_stay_when_a_student_is_erased(ednet: Path, skill_map: Path, tmp_path: Path) -> None:
    (ednet / "u2.csv").write_text((ednet / "u1.csv").read_text(encoding="utf-8"), encoding="utf-8")
    build_lake(tmp_path / "lake", [ednet], options=with_map(skill_map))
    erase_students(tmp_path / "lake", ["u2"])
    (row,) = rows_of(tmp_path / "lake", "silver.skills")
    assert (row["topic"], row["num_events"]) == ("Grammar", 2)
    other = skill_map.with_name("other.csv")
    other.write_text(f"{HEADER}11,verbs,,,{BY}\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [ednet], options=with_map(other))
    assert {student: len(rows) for student, rows in histories(tmp_path / "lake").items()} == {"u1": 3}


def test_a_plan_says_what_a_map_would_do(ednet: Path, skill_map: Path, tmp_path: Path) -> None:
    build_lake(tmp_path / "lake", [ednet])
    plan = plan_build(tmp_path / "lake", [ednet], None, skill_map).skill_map
    assert plan is not None
    assert (plan.num_tags, plan.num_read_again) == (3, 3)
    assert CommitLog(tmp_path / "lake").last().skill_map == ""
    build_lake(tmp_path / "lake", [ednet], options=with_map(skill_map))
    assert plan_build(tmp_path / "lake", [ednet], None, skill_map).skill_map is None
