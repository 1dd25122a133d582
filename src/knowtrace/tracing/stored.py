"""Between a student's state as the model steps through it and as the store keeps it."""

from collections.abc import Iterable

from knowtrace.domain import Mastery
from knowtrace.store import Place, Snapshot, StoredSkill, StoredStudent
from knowtrace.tracing.student import SkillEvidence, StudentState


def to_state(stored: StoredStudent) -> StudentState:
    return StudentState(
        vector=stored.vector,
        num_answers=stored.num_answers,
        last_answered_at=stored.last_answered_at,
        skills={
            skill_id: SkillEvidence(skill.num_answers, skill.last_answered_at, skill.was_mastered)
            for skill_id, skill in stored.skills.items()
        },
    )


def to_stored(
    student_id: str, state: StudentState, version: str, *, last_position: int, rewritten_at: int
) -> StoredStudent:
    return StoredStudent(
        student_id=student_id,
        model_version=version,
        vector=state.vector,
        num_answers=state.num_answers,
        last_answered_at=state.last_answered_at,
        last_position=last_position,
        rewritten_at=rewritten_at,
        skills={
            skill_id: StoredSkill(
                num_answers=skill.num_answers,
                last_answered_at=skill.last_answered_at,
                was_mastered=skill.was_mastered,
            )
            for skill_id, skill in state.skills.items()
        },
    )


def state_of_snapshot(snapshot: Snapshot) -> StudentState:
    return StudentState(
        vector=snapshot.vector,
        num_answers=snapshot.num_answers,
        last_answered_at=snapshot.place[0],
        skills={
            mastery.skill_id: SkillEvidence(
                mastery.evidence, mastery.last_answered_at, mastery.skill_id in snapshot.mastered
            )
            for mastery in snapshot.masteries
        },
    )


def to_snapshot(
    student_id: str, state: StudentState, version: str, *, place: Place, masteries: Iterable[Mastery]
) -> Snapshot:
    return Snapshot(
        student_id=student_id,
        model_version=version,
        place=place,
        vector=state.vector,
        num_answers=state.num_answers,
        masteries=tuple(masteries),
        mastered=frozenset(skill_id for skill_id, skill in state.skills.items() if skill.was_mastered),
    )
