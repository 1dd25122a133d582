"""What processes share of students is a cache: whatever it says, a look is what the database has."""

import contextlib
from dataclasses import replace
from datetime import UTC

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from knowtrace.registry import PlainRun
from knowtrace.store import Mark, Store
from knowtrace.tracing import StudentKey, StudentState, Tracer
from knowtrace.tracing.committed import Committed
from knowtrace.tracing.erasing import Erasure
from knowtrace.tracing.followed import Followed
from knowtrace.tracing.intake import Intake
from knowtrace.tracing.sharing import Stand, pack, unpack
from knowtrace.tracing.states import replayed_state
from knowtrace.tracing.student import SkillEvidence
from tests.tracing.test_choices import DEED
from tests.tracing.test_intake import SCHOOL, answer

MOMENTS = st.none() | st.datetimes(timezones=st.just(UTC))
COUNTS = st.integers(0, 2**53)
SKILLS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.builds(SkillEvidence, COUNTS, MOMENTS, st.booleans()),
    max_size=4,
)
STATES = st.builds(
    StudentState,
    vector=arrays.arrays(np.float32, st.integers(1, 40), elements=st.floats(width=32, allow_nan=False)),
    num_answers=COUNTS,
    last_answered_at=MOMENTS,
    skills=SKILLS,
)
STANDS = st.builds(Stand, STATES, st.builds(Mark, st.sampled_from(["dkt-1", "élo\n"]), COUNTS, COUNTS))


class Shared:
    """Processes' common memory, as bytes; `says` is put in the place of what it would find."""

    def __init__(self) -> None:
        self.packed: dict[StudentKey, bytes] = {}
        self.says: Stand | None = None
        self.num_found = 0

    async def find(self, student: StudentKey, mark: Mark) -> Stand | None:
        if self.says is not None:
            return self.says
        packed = self.packed.get(student)
        stand = None if packed is None else unpack(packed)
        self.num_found += stand is not None and stand.mark == mark
        return stand

    def offer(self, student: StudentKey, stand: Stand) -> None:
        self.packed[student] = pack(stand)


@given(STANDS)
def test_what_is_packed_is_unpacked(stand: Stand) -> None:
    found = unpack(pack(stand))
    assert found.mark == stand.mark
    assert found.state.vector.dtype == np.float32
    assert found.state.vector.tobytes() == stand.state.vector.tobytes()
    assert found.state == replace(stand.state, vector=found.state.vector)


@given(STANDS, st.data())
def test_bytes_of_nothing_are_refused_as_such(stand: Stand, data: st.DataObject) -> None:
    packed = pack(stand)
    cut = packed[: data.draw(st.integers(0, len(packed) - 1))]
    for broken in (
        cut,
        packed + b"\0",
        b"[]" + packed,
        b'["v",1,1,1,null,"x",{}]\n',
        b'["v",1,1,1,"x",0,{}]\n',
    ):
        with pytest.raises(ValueError, match=r"."):
            unpack(broken)


@given(st.binary(max_size=200))
def test_whatever_bytes_are_found_they_are_a_stand_or_a_value_error(found: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(unpack(found), Stand)


async def test_what_another_process_has_stored_is_found_without_reading_until_it_changes(
    store: Store, tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = Shared()
    writes, reads = Followed(tracer, shared), Followed(tracer, shared)

    def hear(committed: Committed) -> None:
        writes.hear(committed.students, committed.model_version)

    async def look(*, finds: bool) -> int:
        before = shared.num_found
        state, _ = await reads.look(store, SCHOOL, "anna")
        async with store.reading(SCHOOL) as session:
            clean = await replayed_state(session, tracer, "anna")
        assert np.array_equal(state.vector, clean.vector)
        assert state == replace(clean, vector=state.vector)
        assert shared.num_found - before == finds
        return state.num_answers

    async with Intake(store, tracer, on_commit=hear) as intake:
        await intake.submit(SCHOOL, [answer(tracer, n) for n in range(5)])
        with monkeypatch.context() as patch:
            patch.setattr(Store, "reading", lambda *_: pytest.fail("read, where it was shared"))
            state, _ = await reads.look(store, SCHOOL, "anna")
            assert state.num_answers == 5
        assert await look(finds=False) == 5  # remembered: nobody is asked
        await intake.submit(SCHOOL, [answer(tracer, 5)])
        assert await look(finds=True) == 6
        await intake.correct(SCHOOL, replace(answer(tracer, 3), correct=True))
        assert await look(finds=False) == 6  # read, and put there
        reads.forget()
        assert await look(finds=True) == 6
        await intake.withdraw(SCHOOL, "anna-4")
        assert await look(finds=False) == 5
        await intake.submit(SCHOOL, [answer(tracer, 20, minute=2.5)])
        assert await look(finds=True) == 6
        await intake.erase(Erasure(tenant_id=SCHOOL, student_id="anna", deed=DEED))
        assert await look(finds=False) == 0
        await intake.submit(SCHOOL, [answer(tracer, 0)])
        assert await look(finds=True) == 1


async def test_a_cache_that_lies_is_not_believed(store: Store, tracer: Tracer) -> None:
    shared = Shared()
    async with Intake(store, tracer) as intake:
        await intake.submit(SCHOOL, [answer(tracer, n) for n in range(5)])
    async with store.reading(SCHOOL) as session:
        clean = await replayed_state(session, tracer, "anna")
    mark, _ = await store.glance(SCHOOL, lambda session: session.students.mark("anna"))
    assert mark is not None
    lie = replace(clean, vector=clean.vector + 1)
    shared.says = Stand(lie, mark)
    # At the right mark it would be believed: what is shown below is the mark's doing.
    assert (await Followed(tracer, shared).look(store, SCHOOL, "anna")).state is lie
    for says in (
        Stand(lie, mark._replace(last_position=mark.last_position - 1)),
        Stand(lie, mark._replace(rewritten_at=mark.rewritten_at + 1)),
        Stand(lie, mark._replace(model_version="another")),
        Stand(replace(lie, vector=lie.vector[:-1]), mark),
    ):
        shared.says = says
        state = (await Followed(tracer, shared).look(store, SCHOOL, "anna")).state
        assert np.array_equal(state.vector, clean.vector)


async def test_only_what_is_stored_is_shared(store: Store, tracer: Tracer) -> None:
    """A canary replays: what it comes to is nobody else's, nor is what the champion stored the canary's."""
    shared = Shared()
    other = Tracer(PlainRun(of="x", vocabulary=tracer.vocabulary, hears_answers=True))
    async with Intake(store, tracer) as intake:
        await intake.submit(SCHOOL, [answer(tracer, n) for n in range(5)])
        state = (await Followed(other, shared).look(store, SCHOOL, "anna")).state
        assert len(state.vector) == 2
        assert not shared.packed
        await Followed(tracer, shared).look(store, SCHOOL, "anna")
        assert len(shared.packed) == 1
        state = (await Followed(other, shared).look(store, SCHOOL, "anna")).state
        assert len(state.vector) == 2
        await intake.switch(other)
        await intake.submit(SCHOOL, [answer(tracer, 5)])
        state = (await Followed(tracer, shared).look(store, SCHOOL, "anna")).state
    assert state.num_answers == 6
    assert len(state.vector) == len(tracer.start().vector)
    assert shared.num_found == 0


async def test_who_is_erased_while_the_cache_is_asked_is_not_remembered(store: Store, tracer: Tracer) -> None:
    shared = Shared()
    followed = Followed(tracer, shared)
    async with Intake(store, tracer, on_erasure=lambda *_: followed.forget()) as intake:
        await intake.submit(SCHOOL, [answer(tracer, n) for n in range(5)])
        await Followed(tracer, shared).look(store, SCHOOL, "anna")
        find = shared.find

        async def erase_and_find(student: StudentKey, mark: Mark) -> Stand | None:
            await intake.erase(Erasure(tenant_id=SCHOOL, student_id="anna", deed=DEED))
            return await find(student, mark)

        shared.find = erase_and_find  # type: ignore[method-assign]
        assert (await followed.look(store, SCHOOL, "anna")).state.num_answers == 5
    assert not followed._kept
    assert (await followed.look(store, SCHOOL, "anna")).state.num_answers == 0
