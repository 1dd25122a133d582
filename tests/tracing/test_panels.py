"""Which items stand for a skill."""

from knowtrace.domain import FIRST_KNOWN, PADDING, UNSEEN, CatalogueItem, Vocabulary
from knowtrace.tracing.panels import panels


def item(item_id: str, right: int, total: int, *skill_ids: str) -> CatalogueItem:
    return CatalogueItem(item_id=item_id, skill_ids=skill_ids, category_counts=(total - right, right))


def vocabulary(*items: CatalogueItem) -> Vocabulary:
    skills = dict.fromkeys(skill for known in items for skill in known.skill_ids)
    return Vocabulary(items=items, skill_ids=tuple(skills), num_categories=2)


def test_only_items_with_ten_training_answers_stand_for_a_skill() -> None:
    known = vocabulary(item("few", 5, 9, "a"), item("enough", 5, 10, "a"), item("many", 1, 90, "a"))
    panel = panels(known)["a"]
    assert panel.num_calibrated == 2
    assert panel.items.tolist() == [known.item_index("many"), known.item_index("enough")]  # hardest first


def test_a_skill_without_a_calibrated_item_is_an_unseen_item_of_it_alone() -> None:
    known = vocabulary(item("few", 5, 9, "a", "b"), item("enough", 5, 10, "b", "c"))
    panel = panels(known)["a"]
    assert (panel.num_calibrated, panel.items.tolist()) == (0, [UNSEEN])
    assert panel.skills.tolist() == [[FIRST_KNOWN, PADDING]]


def test_an_item_stands_for_each_of_its_skills_with_all_of_them() -> None:
    known = vocabulary(item("x", 5, 10, "a", "b"))
    for skill_id in ("a", "b"):
        panel = panels(known)[skill_id]
        assert panel.items.tolist() == [FIRST_KNOWN]
        assert panel.skills.tolist() == [[2, 3]]


def test_twelve_of_many_items_are_evenly_spaced_in_difficulty() -> None:
    """Of 120 items in order of their success rate: the middle of each ten, 5, 15, 25 and so on."""
    order = [(37 * n) % 120 for n in range(120)]  # the catalogue's own order must not matter
    known = vocabulary(*(item(f"{n:03}", n, 200, "a") for n in order))
    chosen = [int(known.items[index - FIRST_KNOWN].item_id) for index in panels(known)["a"].items]
    assert panels(known)["a"].num_calibrated == 120
    assert chosen == [5, 15, 25, 35, 45, 55, 65, 75, 85, 95, 105, 115]


def test_up_to_twelve_items_are_all_taken() -> None:
    known = vocabulary(*(item(str(n), n, 20, "a") for n in range(12)))
    assert len(panels(known)["a"].items) == 12
    thirteen = vocabulary(*(item(str(n), n, 20, "a") for n in range(13)))
    assert len(set(panels(thirteen)["a"].items.tolist())) == 12
