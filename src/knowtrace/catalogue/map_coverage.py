"""A skill map put to use: answers by skill instead of by tag, and what the map leaves open."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from knowtrace.catalogue.skill_map import MapRow, SkillMap
from knowtrace.domain import Interaction
from knowtrace.errors import DataError

Students = Mapping[str, Sequence[Interaction]]


@dataclass(frozen=True, kw_only=True)
class MapCoverage:
    """What a map says of answers. A tag counts once for each answer that has it.

    `unmapped` and `unreviewed` give the number of answers of each tag that is not in the map, or waits there for a
    review, most first; `never_met` names the reviewed tags of the map that no answer has. `num_with_skill` answers have
    at least one mapped tag, `num_without_tag` none at all to begin with.
    """

    num_answers: int
    num_tagged: int
    num_mapped: int
    num_with_skill: int
    num_without_tag: int
    unmapped: Mapping[str, int]
    unreviewed: Mapping[str, int]
    never_met: tuple[str, ...]

    @property
    def share(self) -> float | None:
        """The share of tags on answers that the map turns into skills, in [0, 1]; None without tags."""
        return self.num_mapped / self.num_tagged if self.num_tagged else None


def tag_counts(students: Students) -> Counter[str]:
    """Return the number of answers of each tag."""
    return Counter(
        tag for history in students.values() for answer in history for tag in dict.fromkeys(answer.skill_ids)
    )


def map_coverage(students: Students, skill_map: SkillMap) -> MapCoverage:
    """Return which tags of the answers a map knows, and which of its rows they never need."""
    counts = tag_counts(students)
    skill_of, waiting = skill_map.skill_of, set(skill_map.unreviewed)
    open_tags = sorted((tag for tag in counts if tag not in skill_of), key=lambda tag: (-counts[tag], tag))
    histories = students.values()
    return MapCoverage(
        num_answers=sum(len(history) for history in histories),
        num_tagged=counts.total(),
        num_mapped=sum(count for tag, count in counts.items() if tag in skill_of),
        num_with_skill=sum(
            any(tag in skill_of for tag in answer.skill_ids) for history in histories for answer in history
        ),
        num_without_tag=sum(not answer.skill_ids for history in histories for answer in history),
        unmapped={tag: counts[tag] for tag in open_tags if tag not in waiting},
        unreviewed={tag: counts[tag] for tag in open_tags if tag in waiting},
        never_met=tuple(tag for tag in skill_of if tag not in counts),
    )


def apply_skill_map(
    students: Students, skill_map: SkillMap, *, drop_unmapped: bool = False
) -> dict[str, list[Interaction]]:
    """Return the answers with the skills of the map in place of their tags, each skill once an answer.

    A tag without a reviewed row stays as it is, or is dropped on request; the answer stays in any case.
    Raises: DataError when a tag that stays is also the name of a skill of the map: the two would be one.
    """
    skill_of = skill_map.skill_of
    if not drop_unmapped:
        skills = set(skill_of.values())
        clashes = sorted(tag for tag in tag_counts(students) if tag not in skill_of and tag in skills)
        if clashes:
            raise DataError(
                f"Tags without a reviewed row ({', '.join(clashes[:10])}) are also skills of the map: review them, "
                "name the skills otherwise, or drop unmapped tags."
            )
    mapped: dict[tuple[str, ...], tuple[str, ...]] = {}

    def skills_of(tags: tuple[str, ...]) -> tuple[str, ...]:
        if tags not in mapped:
            kept = (tag for tag in tags if tag in skill_of or not drop_unmapped)
            mapped[tags] = tuple(dict.fromkeys(skill_of.get(tag, tag) for tag in kept))
        return mapped[tags]

    return {
        student: [replace(answer, skill_ids=skills_of(answer.skill_ids)) for answer in history]
        for student, history in students.items()
    }


def draft_map(students: Students, names: Mapping[str, str]) -> SkillMap:
    """Return a map with a row per tag, the most answered first, and nothing decided.

    `names` are those the source itself gives. The note counts answers and items; everything else is left to a person.
    """
    counts = tag_counts(students)
    items: dict[str, set[str]] = {tag: set() for tag in counts}
    for history in students.values():
        for answer in history:
            for tag in answer.skill_ids:
                items[tag].add(answer.item_id)
    ordered = sorted(counts, key=lambda tag: (-counts[tag], tag))
    return SkillMap(
        rows=tuple(
            MapRow(
                tag=tag,
                name=names.get(tag, ""),
                note=f"{_counted(counts[tag], 'answer')} to {_counted(len(items[tag]), 'item')}",
            )
            for tag in ordered
        )
    )


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
