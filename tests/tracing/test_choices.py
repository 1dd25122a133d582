"""Decisions are kept before anybody hears of them, share transactions, and bring no erased student back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from knowtrace.errors import UnavailableError
from knowtrace.store import Deed, Store, StoredDecision
from knowtrace.tracing import Tracer
from knowtrace.tracing.choices import Choice
from knowtrace.tracing.erasing import Erasure
from knowtrace.tracing.intake import Intake
from tests.tracing.test_intake import SCHOOL, START, answer

DEED = Deed(subject="key:k1", role="admin", action="students.erase", object="student:anna")

DECISION = StoredDecision(
    decision_id="",
    student_id="anna",
    skill="s1",
    created_at=START,
    model_version="m-1",
    recommendation_type="rule-based",
    items=[{"item_id": "i1", "expected_success": 0.7}],
    num_candidates=4,
    propensity=None,
)


def choice(number: int, *, student_id: str = "anna", tenant_id: str = SCHOOL, as_of: int = 0) -> Choice:
    decision = replace(DECISION, decision_id=f"{tenant_id}-{number}", student_id=student_id)
    return Choice(tenant_id=tenant_id, decision=decision, as_of=as_of)


async def kept(store: Store, *, student_id: str = "anna", tenant_id: str = SCHOOL) -> set[str]:
    async with store.reading(tenant_id) as session:
        return {found.decision_id for found in await session.decisions.newest(student_id, limit=100)}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", lock_wait_seconds=0.1) as store:
        await store.migrate()
        yield store


async def test_decisions_and_answers_sent_together_share_a_transaction(
    store: Store, tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = 0
    transaction = Store.transaction

    def counting(self: Store, first: str = "") -> object:
        nonlocal begun
        begun += 1
        return transaction(self, first)

    monkeypatch.setattr(Store, "transaction", counting)
    async with Intake(store, tracer) as intake:
        await asyncio.gather(
            *(intake.keep(choice(number)) for number in range(5)),
            intake.submit(SCHOOL, [answer(tracer, 1)]),
            intake.keep(choice(9, tenant_id="another school")),
        )
    assert begun == 1
    assert await kept(store) == {f"{SCHOOL}-{number}" for number in range(5)}
    assert await kept(store, tenant_id="another school") == {"another school-9"}


async def test_a_decision_about_a_student_who_was_erased_meanwhile_is_not_kept(
    store: Store, tracer: Tracer
) -> None:
    async with Intake(store, tracer) as intake:
        await intake.submit(
            SCHOOL, [answer(tracer, n, student_id=who) for n, who in enumerate(("anna", "ben"))]
        )
        await intake.erase(Erasure(tenant_id=SCHOOL, student_id="anna", deed=DEED))
        async with store.reading(SCHOOL) as session:
            now = await session.erased_at()
        about_anna, about_ben = await asyncio.gather(
            intake.keep(choice(1)),
            intake.keep(choice(2, student_id="ben", as_of=now)),
            return_exceptions=True,
        )
        assert isinstance(about_anna, UnavailableError)
        assert "erased" in str(about_anna)
        assert about_ben is None
        await intake.submit(SCHOOL, [answer(tracer, 7)])
        with pytest.raises(UnavailableError, match="erased"):
            await intake.keep(choice(3))
        await intake.keep(choice(4, as_of=now))
    assert await kept(store) == {f"{SCHOOL}-4"}
    assert await kept(store, student_id="ben") == {f"{SCHOOL}-2"}


async def test_a_decision_that_cannot_be_stored_fails_alone(store: Store, tracer: Tracer) -> None:
    async with Intake(store, tracer) as intake:
        twice, _, stored = await asyncio.gather(
            intake.keep(choice(1)),
            intake.keep(choice(1)),
            intake.submit(SCHOOL, [answer(tracer, 1)]),
            return_exceptions=True,
        )
        assert twice is None
        assert not isinstance(stored, BaseException)
    assert await kept(store) == {f"{SCHOOL}-1"}


async def test_what_waited_too_long_is_not_kept(store: Store, tracer: Tracer) -> None:
    async with Intake(store, tracer, write_within_seconds=-1.0) as intake:
        with pytest.raises(UnavailableError, match="send it again"):
            await intake.keep(choice(1))
        assert intake.num_waiting == 0
    assert await kept(store) == set()
