"""Reviewed skill maps: what counts, and what is refused."""

from pathlib import Path

import pytest

from knowtrace.catalogue import MapRow, SkillMap, read_skill_map, write_skill_map
from knowtrace.errors import DataError

HEADER = "tag,skill,name,topic,reviewed_by,reviewed_on,note\n"
ROOT = Path(__file__).resolve().parents[2]


def map_of(tmp_path: Path, rows: str) -> Path:
    path = tmp_path / "map.csv"
    path.write_text(HEADER + rows)
    return path


def test_many_tags_may_mean_one_skill_and_only_reviewed_rows_count(tmp_path: Path) -> None:
    path = map_of(
        tmp_path,
        "7,past,Past tense,Verbs,Ada,2026-11-20,\n"
        "8,past,,,Ada,2026-11-20,same as 7\n"
        "9,,,,,,\n"
        "10,future,Future,,,,draft\n",
    )
    skills = read_skill_map(path)
    assert skills.skill_of == {"7": "past", "8": "past"}
    assert skills.unreviewed == ("9", "10")
    assert skills.skill_names == {"past": "Past tense"}
    assert skills.topics == {"past": "Verbs"}
    before = path.read_text()
    write_skill_map(skills, path)
    assert path.read_text() == before


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = map_of(
        tmp_path,
        ",past,,,Ada,2026-11-20,\n"
        "7,past,Past,Verbs,Ada,2026-11-20,\n"
        "7,past,Past,Verbs,Ada,2026-11-20,\n"
        "8,past,Past tense,Tenses,Ada,2026-11-20,\n"
        "9,,,,Ada,2026-11-20,\n"
        "10,x,,,Ada,,\n"
        "11,x,,,,yesterday,\n",
    )
    with pytest.raises(DataError) as error:
        read_skill_map(path)
    for part in (
        "map.csv has 8 problems",
        "line 2, tag, '': every row names its tag",
        "line 4, tag, '7': a tag has one row, and line 3 is its",
        "line 5, name, 'Past tense': a skill (past) has one name, and line 3 says 'Past'",
        "line 5, topic, 'Tenses'",
        "line 6, skill, '': a reviewed tag (9) has a skill",
        "line 7, reviewed_on, ''",
        "line 8, reviewed_on, 'yesterday'",
        "line 8, reviewed_by, ''",
    ):
        assert part in str(error.value)


def test_marks_spaces_and_quotes_of_spreadsheets_are_read(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_bytes(
        b"\xef\xbb\xbf"
        + HEADER.replace("\n", "\r\n").encode()
        + b'"7", past ,"a, b",,Ada,2026-11-20,"x\r\ny"\r\n\r\n'
    )
    (row,) = read_skill_map(path).rows
    assert row == MapRow(
        tag="7", skill="past", name="a, b", reviewed_by="Ada", reviewed_on="2026-11-20", note="x\ny"
    )


def test_a_cell_is_no_formula_in_a_spreadsheet_and_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    rows = tuple(MapRow(tag=tag) for tag in ("=1+1", "-1", "'=x", "'plain", "@a", "+", "a=b"))
    write_skill_map(SkillMap(rows=rows), path)
    assert [line.split(",")[0] for line in path.read_text().splitlines()[1:]] == [
        "'=1+1", "'-1", "''=x", "'plain", "'@a", "'+", "a=b",
    ]  # fmt: skip
    assert read_skill_map(path).rows == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff\xfe", "is not UTF-8"), (b'tag,"skill', "is not CSV at line"), (b"", "has no column tag, skill")],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "map.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_skill_map(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_skill_map(tmp_path / "missing.csv")
    with pytest.raises(DataError, match="cannot be written"):
        write_skill_map(SkillMap(rows=()), tmp_path / "no" / "map.csv")


def test_the_example_of_the_documents_is_one() -> None:
    skills = read_skill_map(ROOT / "docs" / "examples" / "skill_map.csv")
    assert len(skills.skill_of) >= 3
    assert skills.unreviewed
