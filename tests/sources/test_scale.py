"""Ordered integers and partial credit, told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowtrace.errors import DataError
from knowtrace.sources.scale import Responses, Scale, decide_scale


def scale_of(
    *texts: str, responses: Responses | None = None, categories: int | None = None, is_binary: bool = False
) -> Scale:
    return decide_scale(texts, responses=responses, categories=categories, is_binary=is_binary)


def test_integers_are_categories() -> None:
    scale = scale_of("0", "3", "1")
    assert (scale.categories, scale.num_categories) == ({"0": 0, "3": 3, "1": 1}, 4)
    assert "K = 4 categories, from the largest response" in scale.notes[0]


def test_a_third_of_the_credit_is_category_one_of_four() -> None:
    scale = scale_of("0.000", "0.333", "0.667", "1.000")
    assert scale.categories == {"0.000": 0, "0.333": 1, "0.667": 2, "1.000": 3}
    assert scale.num_categories == 4
    assert "partial-credit" in scale.notes[0]


def test_a_full_credit_alone_needs_the_number_of_categories() -> None:
    assert scale_of("1.000", responses="partial-credit", categories=4).categories == {"1.000": 3}


def test_integers_read_as_credit_are_all_or_nothing() -> None:
    assert scale_of("0", "1", responses="partial-credit", categories=4).categories == {"0": 0, "1": 3}


def test_whole_decimals_above_one_are_integers_a_spreadsheet_wrote() -> None:
    scale = scale_of("0.0", "1.0", "2.0")
    assert scale.categories == {"0.0": 0, "1.0": 1, "2.0": 2}
    assert "ordered" in scale.notes[0]


def test_ordered_said_explicitly_refuses_fractions() -> None:
    assert scale_of("0", "1", "0.333", responses="ordered").categories == {"0": 0, "1": 1}


def test_binary_columns_take_nothing_but_right_and_wrong() -> None:
    scale = scale_of("0", "1", "2", "1.0", "x", "", "-1", "nan", is_binary=True, responses="ordered")
    assert scale.categories == {"0": 0, "1": 1, "1.0": 1}
    assert scale.rule == "a response is an integer from 0 to 1"


def test_a_typing_error_does_not_make_a_hundred_categories() -> None:
    scale = scale_of("0", "1", "99")
    assert (scale.num_categories, "99" in scale.categories) == (2, False)


def test_credit_that_fits_no_category_is_none() -> None:
    scale = scale_of("0.0", "0.25", "1.5", responses="partial-credit", categories=4)
    assert scale.categories == {"0.0": 0}


def test_credits_that_fit_nothing_ask_for_the_categories() -> None:
    with pytest.raises(DataError, match=r"fit no K up to 10: pass categories=K"):
        scale_of("0.1", "0.37", "0.5")


@given(st.integers(2, 10), st.integers(2, 4))
def test_rounded_credit_finds_its_way_back(num_categories: int, digits: int) -> None:
    credit = {f"{k / (num_categories - 1):.{digits}f}": k for k in range(num_categories)}
    scale = scale_of(*credit, responses="partial-credit")
    assert scale.num_categories == num_categories
    assert scale.categories == credit
