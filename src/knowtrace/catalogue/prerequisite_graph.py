"""Which skills need which others first, and the orders this allows."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from heapq import heapify, heappop, heappush


class PrerequisiteGraph:
    """Skills and what each of them needs, without cycles.

    Raises: ValueError naming a cycle, when there is one.
    """

    def __init__(self, needs: Iterable[tuple[str, str]]) -> None:
        """Take pairs (skill, what it needs)."""
        self._needs: dict[str, list[str]] = {}
        for skill, needed in needs:
            self._needs.setdefault(needed, [])
            if needed not in self._needs.setdefault(skill, []):
                self._needs[skill].append(needed)
        if cycles := find_cycles(self._needs):
            raise ValueError(f"Skills need one another in a circle: {cycle_text(cycles[0])}.")

    @property
    def skills(self) -> tuple[str, ...]:
        return tuple(self._needs)

    def needs(self, skill: str) -> tuple[str, ...]:
        """Return what a skill needs directly; nothing for a skill the graph does not know."""
        return tuple(self._needs.get(skill, ()))

    def ancestors(self, skill: str) -> frozenset[str]:
        """Return all that a skill needs, directly or through others."""
        found: set[str] = set()
        waiting = list(self.needs(skill))
        while waiting:
            needed = waiting.pop()
            if needed not in found:
                found.add(needed)
                waiting += self._needs[needed]
        return frozenset(found)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Every skill after all it needs; where that leaves a choice, by name."""
        needed_by: dict[str, list[str]] = {skill: [] for skill in self._needs}
        for skill, needs in self._needs.items():
            for needed in needs:
                needed_by[needed].append(skill)
        num_open = {skill: len(needs) for skill, needs in self._needs.items()}
        ready = [skill for skill, count in num_open.items() if not count]
        heapify(ready)
        order: list[str] = []
        while ready:
            order.append(skill := heappop(ready))
            for later in needed_by[skill]:
                num_open[later] -= 1
                if not num_open[later]:
                    heappush(ready, later)
        return tuple(order)


def find_cycles(needs: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Return cycles of skills, one for each back edge a depth-first search meets; none when there is none.

    A cycle (a, b, c) says that a needs b, b needs c and c needs a; it begins with the skill first by name.
    """
    cycles: list[tuple[str, ...]] = []
    done: set[str] = set()
    for start in needs:
        if start in done:
            continue
        path, places = [start], {start: 0}
        branches = [iter(needs[start])]
        while branches:
            needed = next(branches[-1], None)
            if needed is None:
                branches.pop()
                done.add(skill := path.pop())
                del places[skill]
            elif needed in places:
                cycles.append(_from_first(path[places[needed] :]))
            elif needed not in done:
                places[needed] = len(path)
                path.append(needed)
                branches.append(iter(needs.get(needed, ())))
    return cycles


def _from_first(cycle: list[str]) -> tuple[str, ...]:
    start = cycle.index(min(cycle))
    return (*cycle[start:], *cycle[:start])


def cycle_text(cycle: tuple[str, ...]) -> str:
    """Return a cycle for a person: a needs b needs a."""
    return " needs ".join((*cycle, cycle[0]))
