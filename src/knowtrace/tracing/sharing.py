"""States that processes share beside the database: a cache, believed only where the database tells the same mark."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np
import orjson

from knowtrace.store import Mark, Place
from knowtrace.tracing.student import SkillEvidence, StudentKey, StudentState

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NUMBER = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Stand:
    """A student where the stored state stood at `mark`; `place` is the last answer that was stepped through here."""

    state: StudentState
    mark: Mark
    place: Place | None = None


class SharedStates(Protocol):
    """Where processes put stored states for one another. Neither call raises, whatever ails what is behind it."""

    async def find(self, student: StudentKey, mark: Mark) -> Stand | None:
        """Return what was put there at that mark; None when that is not there, or cannot be had in a moment."""
        ...

    def offer(self, student: StudentKey, stand: Stand) -> None:
        """Put a stored state there soon, without waiting; it may be dropped."""
        ...


def pack(stand: Stand) -> bytes:
    """Return mark and state as bytes: a line of JSON, then the vector as little-endian float32. No place, no id."""
    state = stand.state
    skills = {
        skill_id: (skill.num_answers, _microseconds(skill.last_answered_at), skill.was_mastered)
        for skill_id, skill in state.skills.items()
    }
    last = _microseconds(state.last_answered_at)
    line = orjson.dumps((*stand.mark, state.num_answers, last, state.vector.size, skills))
    return line + b"\n" + np.ascontiguousarray(state.vector, dtype=NUMBER).tobytes()


def unpack(packed: bytes) -> Stand:
    """Return what `pack` was given.

    Raises:
        ValueError: it was given nothing that leads to these bytes.
    """
    line, _, numbers = packed.partition(b"\n")
    try:
        version, position, rewritten_at, num_answers, last, size, skills = orjson.loads(line)
        if len(numbers) != size * NUMBER.itemsize:
            raise ValueError(f"{len(numbers)} bytes are no vector of {size} numbers.")
        state = StudentState(
            vector=np.frombuffer(numbers, dtype=NUMBER),
            num_answers=num_answers,
            last_answered_at=_moment(last),
            skills={
                skill_id: SkillEvidence(count, _moment(at), was_mastered)
                for skill_id, (count, at, was_mastered) in skills.items()
            },
        )
    except (TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"These bytes are no state: {error}.") from error
    return Stand(state, Mark(version, position, rewritten_at))


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - EPOCH) // MICROSECOND


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else EPOCH + microseconds * MICROSECOND
