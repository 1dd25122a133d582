"""Halves of surrogate pairs: no characters, and no exception later."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from knowtrace.sources import read, write_quarantine
from knowtrace.standards.characters import NO_CHARACTER, holds_halves, whole
from knowtrace.training import fingerprint

Source = Callable[..., Path]

HALF = "\ud83d".encode("utf-8", "surrogatepass")


def test_halves_are_found_and_replaced_and_pairs_joined() -> None:
    assert [holds_halves(text) for text in ("ann", "Jos\u00e9", "\U0001f600", "a\ud83d", "\udcff")] == [
        False,
        False,
        False,
        True,
        True,
    ]
    assert whole("a\ud83db") == "a\ufffdb"
    assert whole("\ud83d\ude00") == "\U0001f600"


@pytest.mark.parametrize("place", ["student", "item", "quoted student"])
def test_a_row_with_a_half_is_quarantined_with_its_reason(source: Source, tmp_path: Path, place: str) -> None:
    row = {"student": HALF + b",i,1", "item": b"s," + HALF + b",1", "quoted student": b'"' + HALF + b'",i,1'}[
        place
    ]
    dataset = read(source(b"student,item,correct\nann,i,1\n" + row + b"\nben,j,0\n"))
    assert list(dataset.students) == ["ann", "ben"]
    assert [(r.line, r.rule) for r in dataset.quarantined] == [(3, NO_CHARACTER)]
    assert "\ufffd" in dataset.quarantined[0].value
    assert fingerprint(dataset)
    assert json.dumps([r.value for r in dataset.quarantined], ensure_ascii=False).encode()
    write_quarantine(dataset, tmp_path / "bad.csv")


def test_a_column_whose_name_is_no_text_is_no_obstacle(source: Source) -> None:
    dataset = read(source(b"student,item,correct," + HALF + b"\nann,i,1,x\nann,j,0,x\n"))
    assert dataset.num_interactions == 2


def test_a_block_of_lines_with_a_half_is_quarantined(source: Source) -> None:
    whole_blocks = b"2\n1,2\n0,1\n" * 3
    dataset = read(source(whole_blocks + b"2\n1," + HALF + b"\n0,1\n", "lines.txt"))
    assert len(dataset.students) == 3
    assert [(r.line, r.rule) for r in dataset.quarantined] == [(11, NO_CHARACTER)]
