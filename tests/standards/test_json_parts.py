"""Parts of JSON values, by hand."""

from knowtrace.standards.json_parts import list_at, number_at, shape_of, text_at


def test_a_value_is_shown_by_its_shape_alone() -> None:
    assert shape_of({"mbox": "mailto:a@b", "name": "Ann"}) == "mbox, name"
    shapes = [shape_of(value) for value in ([], "secret", True, None, 7, 0.5)]
    assert shapes == ["a list", "a text", "true or false", "null", "a number", "a number"]


def test_parts_that_are_not_there_are_nothing() -> None:
    value = {"a": [{"b": " x "}], "n": True, "m": 2, "inf": float("inf")}
    assert (text_at(value, "a", 0, "b"), text_at(value, "a", 1, "b"), text_at(value, "m")) == ("x", "", "")
    assert (number_at(value, "m"), number_at(value, "n"), number_at(value, "inf")) == (2.0, None, None)
    assert (list_at(value, "a"), list_at(value, "m"), list_at(value, "z")) == ([{"b": " x "}], [2], [])
