"""Orders, ancestors and cycles of skills."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowtrace.catalogue import PrerequisiteGraph
from knowtrace.catalogue.prerequisite_graph import find_cycles

PAIRS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40)


def test_order_and_ancestors_by_hand() -> None:
    graph = PrerequisiteGraph([("c", "b"), ("b", "a"), ("d", "a"), ("c", "b")])
    assert graph.order == ("a", "b", "c", "d")
    assert graph.ancestors("c") == {"a", "b"}
    assert graph.needs("c") == ("b",)
    assert graph.needs("unknown") == ()
    assert graph.ancestors("unknown") == frozenset()
    assert set(graph.skills) == {"a", "b", "c", "d"}


def test_a_cycle_is_named() -> None:
    with pytest.raises(ValueError, match="in a circle: a needs b needs c needs a"):
        PrerequisiteGraph([("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")])
    assert find_cycles({"a": ["a"]}) == [("a",)]


@given(PAIRS)
def test_every_skill_comes_after_all_it_needs(pairs: list[tuple[int, int]]) -> None:
    needs = [(f"{max(pair):02}", f"{min(pair):02}") for pair in pairs if pair[0] != pair[1]]
    graph = PrerequisiteGraph(needs)
    place = {skill: number for number, skill in enumerate(graph.order)}
    assert len(place) == len(graph.skills)
    for skill in graph.skills:
        assert all(place[needed] < place[skill] for needed in graph.ancestors(skill))


@given(PAIRS)
def test_a_cycle_is_found_exactly_when_some_skill_needs_itself(pairs: list[tuple[int, int]]) -> None:
    needs: dict[str, list[str]] = {}
    for a, b in pairs:
        needs.setdefault(str(a), []).append(str(b))

    def reaches_itself(start: str) -> bool:
        seen, waiting = set(), list(needs.get(start, []))
        while waiting:
            skill = waiting.pop()
            if skill not in seen:
                seen.add(skill)
                waiting += needs.get(skill, [])
        return start in seen

    cycles = find_cycles(needs)
    assert bool(cycles) == any(reaches_itself(skill) for skill in needs)
    for cycle in cycles:
        for skill, needed in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            assert needed in needs[skill]
