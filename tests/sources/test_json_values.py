"""JSON values of a file, one by one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowtrace.errors import DataError
from knowtrace.sources import json_values as module
from knowtrace.sources.json_values import (
    NO_JSON,
    json_values,
    starts_as_json,
)

Source = Callable[..., Path]


def values_of(path: Path) -> tuple[list[tuple[int, object]], list[tuple[int, str, str]]]:
    rejected: list[tuple[int, str, str]] = []
    values = list(json_values(path, lambda line, _, value, rule: rejected.append((line, value, rule))))
    return values, rejected


def test_an_array_lines_and_a_spread_out_object_are_all_read(source: Source) -> None:
    expected = [(1, {"a": 1}), (2, {"b": [2, 3]})]
    assert values_of(source('[{"a": 1},\n{"b": [2, 3]}]\n')) == (expected, [])
    assert values_of(source('{"a": 1}\n{"b": [2, 3]}\n')) == (expected, [])
    assert values_of(source('\n{\n "a":\n 1\n}\n')) == ([(2, {"a": 1})], [])


def test_a_line_that_is_no_json_costs_itself_only(source: Source) -> None:
    values, rejected = values_of(source('{"a": 1}\n{"a": \n]\nnonsense\n{"b": 2}\n'))
    assert [value for _, value in values] == [{"a": 1}, {"b": 2}]
    assert rejected == [(2, '{"a": ', NO_JSON), (3, "]", NO_JSON), (4, "nonsense", NO_JSON)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1},\n{"a": 2', r"ends amid its JSON \(the value at line 2"),
        ('[{"a": 1}\n', r"ends amid its JSON \(its array is never closed\)"),
        ('[{"a": 1},\n{"a" 2}, {"a": 3}' + " " * 3_000_000 + "]", r"is no JSON \(the value at line 2"),
        ("[" * 200_000, "JSON"),
    ],
)
def test_an_array_that_cannot_be_read_on_says_where(source: Source, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        values_of(source(text))


def test_what_is_too_deep_or_too_long_a_number_is_rejected_not_a_crash(source: Source) -> None:
    deep, long = '{"a":' * 100_000, '{"a": ' + "9" * 10_000 + "}"
    values, rejected = values_of(source(f'{deep}\n{long}\n{{"b": 2}}\n'))
    assert values == [(3, {"b": 2})]
    assert [line for line, _, _ in rejected] == [1, 2]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(
    st.lists(
        st.dictionaries(st.text(max_size=4), st.text() | st.integers() | st.none(), max_size=3), min_size=1
    ),
    st.integers(1, 40),
    st.sampled_from(["array", "lines", "spread"]),
)
def test_chunks_never_change_what_is_read(
    source: Source, monkeypatch: pytest.MonkeyPatch, values: list[dict[str, object]], chunk: int, form: str
) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    text = json.dumps(values, indent=1) if form == "array" else ""
    text = text or "\n".join(json.dumps(value, indent=1 if form == "spread" else None) for value in values)
    read, rejected = values_of(source(text))
    assert ([value for _, value in read], rejected) == (values, [])
    lines = text.split("\n")
    assert all(lines[line - 1].lstrip().startswith("{") for line, _ in read)


def test_json_is_known_by_its_first_character(source: Source) -> None:
    assert starts_as_json(source(' \n [{"a": 1}]'))
    assert not starts_as_json(source("student,item,correct\n"))
