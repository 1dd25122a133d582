"""Which items stand for a skill."""

import numpy as np
import pytest

from knowtrace.domain import FIRST_KNOWN, PADDING, UNSEEN, CatalogueItem, Vocabulary
from knowtrace.registry import Panels, choose_panels


def item(item_id: str, right: int, total: int, *skill_ids: str) -> CatalogueItem:
    return CatalogueItem(item_id=item_id, skill_ids=skill_ids, category_counts=(total - right, right))


def panel(known: Vocabulary, skill_id: str) -> Panels:
    return choose_panels(known).take([known.skill_ids.index(skill_id)])


def vocabulary(*items: CatalogueItem) -> Vocabulary:
    skills = dict.fromkeys(skill for known in items for skill in known.skill_ids)
    return Vocabulary(items=items, skill_ids=tuple(skills), num_categories=2)


def test_only_items_with_ten_training_answers_stand_for_a_skill() -> None:
    known = vocabulary(item("few", 5, 9, "a"), item("enough", 5, 10, "a"), item("many", 1, 90, "a"))
    chosen = panel(known, "a")
    assert chosen.num_calibrated.tolist() == [2]
    assert chosen.items.tolist() == [known.item_index("many"), known.item_index("enough")]  # hardest first


def test_a_skill_without_a_calibrated_item_is_an_unseen_item_of_it_alone() -> None:
    known = vocabulary(item("few", 5, 9, "a", "b"), item("enough", 5, 10, "b", "c"))
    chosen = panel(known, "a")
    assert (chosen.num_calibrated.tolist(), chosen.items.tolist()) == ([0], [UNSEEN])
    assert chosen.skills.tolist() == [[FIRST_KNOWN, PADDING]]


def test_an_item_stands_for_each_of_its_skills_with_all_of_them() -> None:
    known = vocabulary(item("x", 5, 10, "a", "b"))
    for skill_id in ("a", "b"):
        chosen = panel(known, skill_id)
        assert chosen.items.tolist() == [FIRST_KNOWN]
        assert chosen.skills.tolist() == [[2, 3]]


def test_twelve_of_many_items_are_evenly_spaced_in_difficulty() -> None:
    """Of 120 items in order of their success rate: the middle of each ten, 5, 15, 25 and so on."""
    order = [(37 * n) % 120 for n in range(120)]  # the catalogue's own order must not matter
    known = vocabulary(*(item(f"{n:03}", n, 200, "a") for n in order))
    chosen = panel(known, "a")
    assert chosen.num_calibrated.tolist() == [120]
    assert [int(known.items[index - FIRST_KNOWN].item_id) for index in chosen.items] == [
        5,
        15,
        25,
        35,
        45,
        55,
        65,
        75,
        85,
        95,
        105,
        115,
    ]


def test_up_to_twelve_items_are_all_taken() -> None:
    known = vocabulary(*(item(str(n), n, 20, "a") for n in range(12)))
    assert len(panel(known, "a").items) == 12
    thirteen = vocabulary(*(item(str(n), n, 20, "a") for n in range(13)))
    assert len(set(panel(thirteen, "a").items.tolist())) == 12


def test_panels_of_several_skills_lie_end_to_end_and_can_be_taken_apart() -> None:
    """Means by hand: panel a holds items 0 and 1, panel b item 2, panel c an unseen item."""
    known = vocabulary(
        item("0", 1, 10, "a"), item("1", 5, 10, "a"), item("2", 5, 10, "b"), item("3", 1, 9, "c")
    )
    panels = choose_panels(known)
    assert (panels.counts.tolist(), panels.starts.tolist()) == ([2, 1, 1], [0, 2, 3])
    values = np.array([0.2, 0.4, 0.5, 0.9], dtype=np.float32)
    assert panels.means(values).tolist() == pytest.approx([0.3, 0.5, 0.9])
    some = panels.take([2, 0])
    assert some.items.tolist() == [UNSEEN, FIRST_KNOWN, FIRST_KNOWN + 1]
    assert some.means(values[[3, 0, 1]]).tolist() == pytest.approx([0.9, 0.3])


def test_panels_of_another_vocabulary_are_refused() -> None:
    known = vocabulary(item("0", 1, 10, "a"), item("1", 5, 10, "b"))
    kept = choose_panels(known).to_arrays()
    assert Panels.from_arrays(kept, known).items.tolist() == [FIRST_KNOWN, FIRST_KNOWN + 1]
    for name, changed in (
        ("panel_counts", np.array([1])),
        ("panel_counts", np.array([2, 0])),
        ("panel_items", np.array([FIRST_KNOWN])),
        ("panel_items", np.array([FIRST_KNOWN, 99])),
        ("panel_items", np.array([1.0, 2.0])),
        ("panel_skills", np.array([[FIRST_KNOWN, 7], [FIRST_KNOWN, 7]])),
        ("panel_skills", np.array([[FIRST_KNOWN], [-1]])),
        ("panel_calibrated", np.array([1])),
    ):
        with pytest.raises(ValueError, match="panel"):
            Panels.from_arrays(kept | {name: changed}, known)
