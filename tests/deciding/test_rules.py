"""Which items are recommended, in which order, and in which words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowtrace.deciding import Advice, Candidate, Catalogue, Rules, difficulty, recommend
from knowtrace.domain import CatalogueItem, Vocabulary


def candidate(
    item_id: str, expected_success: float, *, was_seen: bool = False, was_correct: bool = False
) -> Candidate:
    return Candidate(
        item_id=item_id,
        expected_success=expected_success,
        difficulty=0.0,
        was_seen=was_seen or was_correct,
        was_correct=was_correct,
    )


def advise(*candidates: Candidate, num_answers: int = 12, max_items: int = 5) -> Advice:
    return recommend(
        candidates, rules=Rules(), skill_name="Fractions", num_answers=num_answers, max_items=max_items
    )


def chosen(advice: Advice) -> list[str]:
    return [item.item_id for item in advice.recommendations]


def test_the_closest_to_the_target_comes_first() -> None:
    assert chosen(advise(candidate("a", 0.62), candidate("b", 0.71), candidate("c", 0.66))) == ["b", "c", "a"]


def test_what_was_answered_correctly_lately_is_never_recommended() -> None:
    advice = advise(candidate("a", 0.70, was_correct=True), candidate("b", 0.30))
    assert chosen(advice) == ["b"]
    assert advice.num_candidates == 1


def test_what_was_not_seen_lately_comes_before_what_was() -> None:
    assert chosen(advise(candidate("seen", 0.70, was_seen=True), candidate("new", 0.62))) == ["new", "seen"]


def test_an_item_within_the_band_comes_before_one_outside_even_if_seen() -> None:
    assert chosen(advise(candidate("near", 0.65, was_seen=True), candidate("far", 0.95))) == ["near", "far"]


def test_the_band_includes_its_edges() -> None:
    assert Rules().holds(0.60)
    assert Rules().holds(0.80)
    assert not Rules().holds(0.59)


def test_the_reason_says_expectation_target_and_evidence() -> None:
    [item] = advise(candidate("a", 0.72)).recommendations
    assert item.reason == (
        "You are expected to get this right 72 % of the time, "
        "close to the 70 % at which practice teaches most. This rests on 12 answers of yours in Fractions."
    )


def test_without_evidence_the_reason_says_so() -> None:
    [item] = advise(candidate("a", 0.72), num_answers=0).recommendations
    assert "not answered anything in Fractions yet" in item.reason


def test_without_an_item_in_the_band_the_nearest_are_given_and_it_is_said() -> None:
    advice = advise(candidate("easy", 0.95), candidate("hard", 0.40))
    assert chosen(advice) == ["easy", "hard"]
    assert advice.note == (
        "No item of Fractions lies between 60 % and 80 % expected success; these are the nearest."
    )
    assert "above the 70 %" in advice.recommendations[0].reason
    assert "below the 70 %" in advice.recommendations[1].reason


def test_without_candidates_the_note_says_why() -> None:
    assert advise().note == "The catalogue has no item of Fractions."
    assert "answered correctly within the last 30 days" in (
        advise(candidate("a", 0.7, was_correct=True)).note or ""
    )


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), max_size=30), st.integers(1, 10))
def test_no_more_than_asked_no_item_twice_none_correct(
    drawn: list[tuple[float, bool, bool]], max_items: int
) -> None:
    candidates = [
        candidate(f"i{n}", p, was_seen=seen, was_correct=correct)
        for n, (p, seen, correct) in enumerate(drawn)
    ]
    items = chosen(advise(*candidates, max_items=max_items))
    allowed = {c.item_id for c in candidates if not c.was_correct}
    assert len(items) == len(set(items)) == min(max_items, len(allowed))
    assert set(items) <= allowed


def test_difficulty_is_zero_at_half_credit_and_finite_at_the_ends() -> None:
    assert difficulty(CatalogueItem(item_id="a", skill_ids=(), category_counts=(5, 5))) == 0
    always_wrong = difficulty(CatalogueItem(item_id="b", skill_ids=(), category_counts=(8, 0)))
    assert always_wrong == pytest.approx(math.log(9))  # one tenth of full credit after shrinking


def test_an_item_without_answers_has_no_difficulty() -> None:
    assert difficulty(CatalogueItem(item_id="a", skill_ids=(), category_counts=(0, 0))) is None


def test_the_catalogue_finds_items_by_skill() -> None:
    items = (
        CatalogueItem(item_id="a", skill_ids=("s", "t"), category_counts=(1, 1)),
        CatalogueItem(item_id="b", skill_ids=("t",), category_counts=(1, 1)),
    )
    catalogue = Catalogue(Vocabulary(items=items, skill_ids=("s", "t", "u"), num_categories=2))
    assert [item.item_id for item in catalogue.items_of("t")] == ["a", "b"]
    assert catalogue.items_of("u") == catalogue.items_of("unknown") == ()
