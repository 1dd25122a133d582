"""A simulation written in each source's layout and read back: what the layout holds comes back equal."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from knowtrace.domain import Interaction
from knowtrace.errors import DataError
from knowtrace.sources import Dataset, SimulationConfig, read, simulate
from knowtrace.sources.layouts import LAYOUTS, write_layout

FORMATS = {
    "assistments2012": "ASSISTments 2012 raw",
    "assistments2015": "ASSISTments 2015 raw",
    "assistments2017": "ASSISTments 2017 raw",
    "caliper": "Caliper events",
    "datashop": "DataShop student-step",
    "edm-cup": "EDM Cup 2023",
    "ednet-kt1": "EdNet KT1",
    "ednet-kt4": "EdNet KT4",
    "eedi": "Eedi",
    "four-line": "four-line text",
    "four-line-credit": "four-line text",
    "riiid": "Riiid",
    "three-line": "three-line text",
    "three-line-credit": "three-line text",
    "xapi": "xAPI statements",
}


def dataset_with(**changes: object) -> Dataset:
    config = SimulationConfig(num_students=8, num_answers=20, num_items=15, num_skills=4, **changes)  # type: ignore[arg-type]
    return simulate(config, 5).dataset


def first_skill(answer: Interaction) -> Interaction:
    return replace(answer, skill_ids=answer.skill_ids[:1])


def to_the_minute(answer: Interaction) -> Interaction:
    assert answer.answered_at is not None
    return replace(
        answer, answered_at=answer.answered_at.replace(second=0, microsecond=0), elapsed_seconds=None
    )


def without_details(answer: Interaction) -> Interaction:
    [skill, *_] = answer.skill_ids
    return Interaction(
        student_id=answer.student_id, item_id=skill, skill_ids=(skill,), response=answer.response
    )


def of_its_session(answer: Interaction) -> Interaction:
    assert answer.session_id is not None
    return replace(first_skill(answer), session_id=answer.session_id.partition("~")[0], hints_used=None)


def without_session(answer: Interaction) -> Interaction:
    return replace(answer, session_id=None)


def of_an_own_bundle(answer: Interaction) -> Interaction:
    return replace(answer, student_id=answer.student_id.removeprefix("u"), container_id=None)


KEPT: dict[str, tuple[Callable[[Interaction], Interaction], Callable[[Interaction], Interaction]]] = {
    "assistments2012": (lambda a: a, lambda a: a),
    "assistments2015": (without_details, lambda a: a),
    "assistments2017": (first_skill, lambda a: a),
    "caliper": (lambda a: replace(a, skill_ids=()), lambda a: a),
    "datashop": (
        lambda a: replace(a, session_id=None),
        lambda a: replace(a, hints_used=None, attempt=None),
    ),
    "edm-cup": (first_skill, of_its_session),
    "ednet-kt1": (without_session, of_an_own_bundle),
    "ednet-kt4": (without_session, of_an_own_bundle),
    "eedi": (to_the_minute, lambda a: a),
    "xapi": (lambda a: a, lambda a: replace(a, student_id=a.student_id.rpartition("/")[2])),
}
"""What is left of an answer in the layout, and what of one read back is the layout's own addition."""


def folder_of_answers(layout: str, folder: Path) -> Path:
    return folder / {"eedi": "train_data", "ednet-kt1": "KT1", "ednet-kt4": "KT4"}.get(layout, "")


@pytest.mark.parametrize("layout", KEPT)
def test_what_a_layout_holds_comes_back_equal(tmp_path: Path, layout: str) -> None:
    dataset = dataset_with()
    write_layout(dataset, layout, tmp_path)
    back = read(folder_of_answers(layout, tmp_path))
    written, added = KEPT[layout]
    assert back.format == FORMATS[layout]
    assert back.quarantined == ()
    assert sorted(
        (added(answer) for history in back.students.values() for answer in history), key=repr
    ) == sorted((written(answer) for history in dataset.students.values() for answer in history), key=repr)
    orders = [[added(answer).item_id for answer in history] for history in back.students.values()]
    assert orders == [
        [written(answer).item_id for answer in history] for history in dataset.students.values()
    ]


def test_riiid_comes_back_but_for_the_date_and_the_last_elapsed_time(tmp_path: Path) -> None:
    dataset = dataset_with()
    write_layout(dataset, "riiid", tmp_path)
    back = read(tmp_path)
    assert back.quarantined == ()
    for student, history in dataset.students.items():
        found = back.students[student]
        start, zero = history[0].answered_at, found[0].answered_at
        assert start is not None
        assert zero is not None
        assert [(a.item_id, a.skill_ids, a.response) for a in found] == [
            (a.item_id, a.skill_ids, a.response) for a in history
        ]
        assert [a.answered_at - zero for a in found if a.answered_at] == [
            a.answered_at - start for a in history if a.answered_at
        ]
        assert [a.elapsed_seconds for a in found] == [*(a.elapsed_seconds for a in history[:-1]), None]


@pytest.mark.parametrize("layout", ["caliper", "xapi"])
def test_graded_answers_come_back_as_their_categories(tmp_path: Path, layout: str) -> None:
    dataset = dataset_with(num_categories=4)
    write_layout(dataset, layout, tmp_path)
    back = read(tmp_path)
    assert back.num_categories == 4
    assert [[a.response for a in history] for history in back.students.values()] == [
        [a.response for a in history] for history in dataset.students.values()
    ]


@pytest.mark.parametrize("layout", ["three-line", "three-line-credit", "four-line", "four-line-credit"])
def test_line_texts_come_back_in_file_order_whichever_way_responses_are_written(
    tmp_path: Path, layout: str
) -> None:
    dataset = dataset_with(num_categories=4)
    write_layout(dataset, layout, tmp_path)
    back = read(tmp_path / "answers.txt")
    assert (back.format, back.num_categories, back.quarantined) == (FORMATS[layout], 4, ())
    assert any("partial-credit" in note for note in back.notes) == layout.endswith("credit")
    has_skills = layout.startswith("four")
    for found, history in zip(back.students.values(), dataset.students.values(), strict=True):
        assert [(a.item_id, a.skill_ids, a.response) for a in found] == [
            (a.item_id, a.skill_ids if has_skills else (), a.response) for a in history
        ]


def test_riiids_containers_come_back_with_their_mean_time(tmp_path: Path) -> None:
    dataset = dataset_with()
    student, history = next(iter(dataset.students.items()))
    together = [replace(answer, container_id=str(i // 2)) for i, answer in enumerate(history)]
    write_layout(replace(dataset, students={student: together}), "riiid", tmp_path)
    found = read(tmp_path).students[student]
    assert [a.container_id for a in found] == [a.container_id for a in together]
    assert found[0].answered_at == found[1].answered_at
    first, second = history[0].elapsed_seconds, history[1].elapsed_seconds
    assert first is not None
    assert second is not None
    assert found[1].elapsed_seconds == pytest.approx((first + second) / 2, abs=1e-3)


def test_what_a_layout_cannot_hold_is_said_at_once(tmp_path: Path) -> None:
    dataset = dataset_with(num_categories=3)
    student, history = next(iter(dataset.students.items()))
    odd = [replace(history[0], answered_at=None, skill_ids=("two words",)), *history[1:]]
    with pytest.raises(DataError) as error:
        write_layout(replace(dataset, students={student: odd}), "riiid", tmp_path / "out")
    assert str(error.value) == (
        "simulation-5 cannot be written as riiid: its responses have 3 categories, the layout has 2; some answers "
        "have no time; ids (two words) hold a character that separates in the layout."
    )
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match=r"layout \('moodle'\) must be one of assistments2012"):
        write_layout(dataset, "moodle", tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"):
        write_layout(dataset_with(), "xapi", tmp_path / "file")


def test_every_layout_is_of_a_known_format() -> None:
    assert set(LAYOUTS) == set(FORMATS)
