"""A map put to use on a few answers."""

import pytest

from catalogue.answering import answers_of
from knowtrace.catalogue import MapRow, SkillMap, apply_skill_map, draft_map, map_coverage
from knowtrace.domain import Interaction
from knowtrace.errors import DataError


def reviewed(tag: str, skill: str) -> MapRow:
    return MapRow(tag=tag, skill=skill, reviewed_by="Ada", reviewed_on="2026-11-20")


MAP = SkillMap(
    rows=(reviewed("1", "past"), reviewed("2", "past"), reviewed("9", "future"), MapRow(tag="3", skill="x"))
)
STUDENTS = {
    "s": [
        *answers_of("s", ("1+2", 1), ("3", 0), ("4+1", 1)),
        Interaction(student_id="s", item_id="i", skill_ids=(), response=1),
    ],
    "t": answers_of("t", ("4", 0), ("5", 1)),
}


def test_coverage_counts_what_is_mapped_open_and_never_met() -> None:
    coverage = map_coverage(STUDENTS, MAP)
    assert (coverage.num_answers, coverage.num_without_tag, coverage.num_with_skill) == (6, 1, 2)
    assert (coverage.num_tagged, coverage.num_mapped, coverage.share) == (7, 3, pytest.approx(3 / 7))
    assert list(coverage.unmapped.items()) == [("4", 2), ("5", 1)]
    assert coverage.unreviewed == {"3": 1}
    assert coverage.never_met == ("9",)
    assert map_coverage({}, MAP).share is None


def test_tags_become_skills_once_and_open_tags_stay_unless_dropped() -> None:
    kept = apply_skill_map(STUDENTS, MAP)
    assert [answer.skill_ids for answer in kept["s"]] == [("past",), ("3",), ("4", "past"), ()]
    dropped = apply_skill_map(STUDENTS, MAP, drop_unmapped=True)
    assert [answer.skill_ids for answer in dropped["s"]] == [("past",), (), ("past",), ()]
    assert [answer.response for answer in dropped["t"]] == [0, 1], "the answers stay"


def test_an_open_tag_that_is_also_a_skill_is_refused() -> None:
    skills = SkillMap(rows=(reviewed("1", "4"),))
    with pytest.raises(DataError, match=r"\(4\) are also skills of the map"):
        apply_skill_map(STUDENTS, skills)
    assert apply_skill_map(STUDENTS, skills, drop_unmapped=True)["t"][0].skill_ids == ()


def test_a_draft_lists_tags_and_decides_nothing() -> None:
    draft = draft_map(STUDENTS, {"4": "Four"})
    assert [row.tag for row in draft.rows] == ["1", "4", "2", "3", "5"]
    assert draft.rows[1] == MapRow(tag="4", name="Four", note="2 answers to 2 items")
    assert draft.skill_of == {}
