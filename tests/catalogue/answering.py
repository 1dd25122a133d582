"""Students whose skills build on one another, for tests of what answers suggest."""

from collections.abc import Sequence

import numpy as np

from knowtrace.domain import Interaction

GUESS, SLIP = 0.15, 0.1


def answers_of(student: str, *given: tuple[str, int], container: str | None = None) -> list[Interaction]:
    """Return a history of (skill, response); several skills of one answer are joined by "+"."""
    return [
        Interaction(
            student_id=student,
            item_id=f"item of {skills}",
            skill_ids=tuple(skills.split("+")),
            response=response,
            container_id=container,
        )
        for skills, response in given
    ]


def simulate_mastery(
    needs: Sequence[tuple[int, int]], *, num_students: int, num_skills: int, seed: int
) -> dict[str, list[Interaction]]:
    """Return students who know a skill only if they know what it needs; `needs` are pairs (needed, skill).

    General ability (normal, one logit) raises every skill by its own slope. Students meet some of the skills in an
    order of their own, two to five answers each, and may learn a skill while they answer it, once they know what it
    needs.
    """
    random = np.random.default_rng(seed)
    needed = [[a for a, b in needs if b == skill] for skill in range(num_skills)]
    ease, slope = random.normal(0.5, 0.7, num_skills), random.uniform(0.7, 1.4, num_skills)
    students: dict[str, list[Interaction]] = {}
    for student in range(num_students):
        ability = random.normal()
        has_talent = random.random(num_skills) < 1 / (1 + np.exp(-(slope * ability + ease)))
        knows = np.zeros(num_skills, dtype=bool)
        for skill in range(num_skills):
            knows[skill] = has_talent[skill] and knows[needed[skill]].all()
        given: list[tuple[str, int]] = []
        order = random.permutation(num_skills)[: random.integers(num_skills // 2, num_skills + 1)]
        for skill in order:
            for _ in range(random.integers(2, 6)):
                given.append((f"s{skill}", int(random.random() < (1 - SLIP if knows[skill] else GUESS))))
                learns = random.random() < 0.25 / (1 + np.exp(-ability))
                knows[skill] |= learns and knows[needed[skill]].all()
        students[str(student)] = answers_of(str(student), *given)
    return students
