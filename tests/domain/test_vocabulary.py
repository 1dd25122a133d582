"""Ids become indices: what is known, what is unseen, and how a row of skills is padded."""

from hypothesis import given
from hypothesis import strategies as st

from knowtrace.domain import FIRST_KNOWN, PADDING, UNSEEN, CatalogueItem, Vocabulary


def vocabulary() -> Vocabulary:
    """Items "0" (skill "0"), "1" (skills "0" and "b") and "2" (no skill)."""
    return Vocabulary(
        items=(
            CatalogueItem(item_id="0", skill_ids=("0",), category_counts=(3, 1)),
            CatalogueItem(item_id="1", skill_ids=("0", "b"), category_counts=(0, 2)),
            CatalogueItem(item_id="2", skill_ids=(), category_counts=(1, 0)),
        ),
        skill_ids=("0", "b"),
        num_categories=2,
        skill_names={"b": "Fractions"},
    )


def test_item_and_skill_with_raw_id_0_are_neither_padding_nor_unseen() -> None:
    known = vocabulary()
    assert known.item_index("0") == FIRST_KNOWN
    assert known.skill_row(("0",))[0] == FIRST_KNOWN
    assert len({PADDING, UNSEEN, FIRST_KNOWN}) == 3
    assert (PADDING, UNSEEN) == (0, 1)


def test_indices_follow_the_order_of_the_vocabulary() -> None:
    known = vocabulary()
    assert [known.item_index(item_id) for item_id in "012"] == [2, 3, 4]
    assert (known.num_item_indices, known.num_skill_indices) == (5, 4)


def test_what_training_did_not_see_is_unseen() -> None:
    known = vocabulary()
    assert known.item_index("never") == UNSEEN
    assert known.item("never") is None
    assert known.skill_row(("never",)) == [UNSEEN, PADDING]


def test_skill_row_is_padded_and_cut_to_the_widest_known_item() -> None:
    known = vocabulary()
    assert known.skills_per_item == 2
    assert known.skill_row(()) == [PADDING, PADDING]
    assert known.skill_row(("b",)) == [3, PADDING]
    assert known.skill_row(("b", "0", "never")) == [3, 2]


def test_a_skill_named_twice_is_one_skill() -> None:
    known = vocabulary()
    first, second = known.skill_ids[:2]
    assert known.skill_row([first, first, second]) == known.skill_row([first, second])


def test_a_catalogue_without_skills_still_has_rows_of_width_one() -> None:
    nothing = Vocabulary(items=(), skill_ids=(), num_categories=2)
    assert nothing.skills_per_item == 1
    assert nothing.skill_row(()) == [PADDING]


@given(st.lists(st.sampled_from(["0", "b", "never"]), max_size=6))
def test_skill_row_always_has_one_width_and_padding_only_at_its_end(skill_ids: list[str]) -> None:
    row = vocabulary().skill_row(skill_ids)
    assert len(row) == 2
    real = min(len(set(skill_ids)), 2)
    assert all(index != PADDING for index in row[:real])
    assert row[real:] == [PADDING] * (2 - real)


def test_mean_score_is_a_share_of_full_credit() -> None:
    # (1 * 1 + 2 * 0 + 3 * 2) / (3 * 5): categories 0..3 answered 2, 1, 0 and 2 times.
    item = CatalogueItem(item_id="x", skill_ids=(), category_counts=(2, 1, 0, 2))
    assert item.num_answers == 5
    assert item.mean_score == 7 / 15


def test_a_skill_without_a_name_is_shown_by_its_id() -> None:
    known = vocabulary()
    assert (known.skill_name("b"), known.skill_name("0")) == ("Fractions", "0")
