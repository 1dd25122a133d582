"""What a canary is withdrawn for: answers that take too long, and answers foretold worse than by the champion."""

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from knowtrace.service import canary_quality
from knowtrace.service.breaker import WINDOW
from knowtrace.service.canary_quality import FALSE_ALARMS, MARGIN, Wager, foretell
from knowtrace.service.casting import harm_of_canary
from knowtrace.service.classroom import Classroom
from knowtrace.service.lineup import Loaded, place_of
from knowtrace.settings import Settings
from knowtrace.sources import Dataset
from knowtrace.store import ModelRole
from knowtrace.tracing import Tracer
from knowtrace.training import Recipe, TrainingConfig, train
from tests.conftest import SilentReporter

Body = dict[str, Any]
MODELS = "/api/v1/models/dkt"


@pytest.fixture(scope="module")
def models(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models of this file's own: others count what is beside the tiny run."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(tiny_run, folder / "tiny")
    return folder


@pytest.fixture(scope="module")
def candidate(small_dataset: Dataset, models: Path) -> str:
    """A run beside the tiny one."""
    recipe = Recipe(
        model="dkt",
        settings={"embedding_dim": 8, "hidden_dim": 8},
        training=TrainingConfig(epochs=1, batch_answers=1024, learning_rate=0.02, seed=2),
    )
    return train(small_dataset, recipe, models / "casting", reporter=SilentReporter()).version


@pytest.fixture
def settings(settings: Settings, models: Path) -> Settings:
    return settings.model_copy(
        update={"run": models / "tiny", "roles_poll_seconds": 0.05, "live_quality_share": 0.0}
    )


async def make_canary(client: httpx.AsyncClient, classroom: Classroom, version: str, share: float) -> Loaded:
    given = await client.post(f"{MODELS}/canary", json={"version": version, "share": share})
    assert given.status_code == 200, given.text
    canary = classroom.lineup.canary
    assert canary is not None
    return canary


async def withdrawal(classroom: Classroom) -> None:
    async with asyncio.timeout(20):
        while ModelRole.CANARY in classroom.lineup.roles:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("usual", "its", "num_answers", "is_harm"),
    [
        (0.010, 0.021, WINDOW // 2, True),
        (0.010, 0.019, WINDOW // 2, False),
        (0.001, 0.0055, WINDOW // 2, False),
        (0.001, 0.0065, WINDOW // 2, True),
        (0.010, 0.021, WINDOW // 2 - 1, False),
    ],
)
async def test_a_canary_may_take_twice_as_long_or_5_ms_more(
    client: httpx.AsyncClient,
    classroom: Classroom,
    candidate: str,
    usual: float,
    its: float,
    num_answers: int,
    is_harm: bool,
) -> None:
    canary = await make_canary(client, classroom, candidate, 0.5)
    slow, fast = canary.breaker, classroom.lineup.champion.breaker
    for breaker, seconds in ((fast, usual), (slow, its)):
        breaker.seconds.extend([seconds] * num_answers)
    assert (harm_of_canary(classroom.lineup) is not None) == is_harm


async def test_a_canary_that_answers_later_than_the_champion_is_withdrawn(
    client: httpx.AsyncClient, classroom: Classroom, candidate: str
) -> None:
    """Never too slow for an answer, so that nothing of it fails."""
    canary = await make_canary(client, classroom, candidate, 0.5)
    mastery = canary.tracer.mastery

    def later(*given: Any) -> Any:
        time.sleep(0.02)
        return mastery(*given)

    canary.tracer.mastery = later  # type: ignore[method-assign]
    for number in range(3 * WINDOW):
        if ModelRole.CANARY not in classroom.lineup.roles:
            break
        answer = await client.get(f"/api/v1/mastery/s{number}")
        assert (answer.status_code, answer.json()["degraded"]) == (200, False)
    await withdrawal(classroom)
    assert canary.breaker.num_failures == 0
    assert "knowtrace_rollbacks_total 1.0" in (await client.get("/metrics")).text


def test_a_canary_that_is_as_much_worse_as_it_may_be_is_seldom_withdrawn() -> None:
    """Off by the root of the margin either way, where p is 0.2 to 0.8: its Brier score is higher by the margin."""
    drawn = np.random.default_rng(3)
    withdrawn, num_canaries, num_answers = 0, 400, 2_000
    for _ in range(num_canaries):
        withdrawn += is_withdrawn(drawn, num_answers, off=MARGIN**0.5)
    # 4 at most are expected; more than 11 have a probability of 0.1 %.
    assert withdrawn <= num_canaries * FALSE_ALARMS + 7
    assert sum(is_withdrawn(drawn, num_answers, off=0.2) for _ in range(100)) >= 95


def is_withdrawn(drawn: np.random.Generator, num_answers: int, *, off: float) -> bool:
    truth = drawn.uniform(0.2, 0.8, num_answers)
    its = truth + off * drawn.choice([-1.0, 1.0], num_answers)
    correct = drawn.random(num_answers) < truth
    wager = Wager()
    for difference in (its - correct) ** 2 - (truth - correct) ** 2:
        wager.take(float(difference))
        if wager.is_won:
            return True
    return False


async def test_a_canary_that_foretells_worse_is_withdrawn(
    client: httpx.AsyncClient, classroom: Classroom, candidate: str, event: Callable[..., Body]
) -> None:
    """It is sure that everybody is right, and everybody is wrong; the champion says what it has learnt."""
    canary = await make_canary(client, classroom, candidate, 1.0)

    def sure(state: object, questions: list[object], **_: object) -> Any:
        return np.array([[0.02, 0.98]] * len(questions), dtype=np.float32)

    canary.tracer.probabilities = sure  # type: ignore[method-assign]
    for number in range(40):
        wrong = event(number, student_id=f"s{number % 8}", correct=False)
        assert (await client.post("/api/v1/events", json=wrong)).json()["status"] == "accepted"
    await withdrawal(classroom)
    told = await client.get("/api/v1/mastery/s1")
    assert told.json()["model_version"] == classroom.lineup.first.version


async def test_both_models_are_asked_with_what_was_answered_before_and_nothing_else(
    client: httpx.AsyncClient,
    classroom: Classroom,
    candidate: str,
    event: Callable[..., Body],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of the canary's students only; neither an answer that comes late nor those it comes after foretell each other."""
    asked: list[tuple[str, str, list[str], str]] = []

    def recorded(tracer: Tracer, before: Any, answer: Any) -> Any:
        items = [earlier.item_id for earlier in before]
        asked.append((tracer.version, answer.student_id, items, answer.item_id))
        return foretell(tracer, before, answer)

    monkeypatch.setattr(canary_quality, "foretell", recorded)
    canary = await make_canary(client, classroom, candidate, 0.5)
    is_canarys = {name: place_of("default", name, candidate) < 0.5 for name in map(str, range(20))}
    its = next(name for name, is_its in is_canarys.items() if is_its)
    other = next(name for name, is_its in is_canarys.items() if not is_its)
    sent = [event(1, student_id=its), event(3, student_id=its), event(4, student_id=other)]
    sent.append(event(2, student_id=its))
    for body in sent:
        await client.post("/api/v1/events", json=body)
    async with asyncio.timeout(10):
        while len(asked) < 6:
            await asyncio.sleep(0.02)
    items = {number: event(number)["item_id"] for number in (1, 2, 3)}
    expected = [(its, [], items[1]), (its, [items[1]], items[3]), (its, [items[1]], items[2])]
    served = classroom.lineup.champion.version
    assert asked == [(version, *what) for what in expected for version in (canary.version, served)]
    assert ModelRole.CANARY in classroom.lineup.roles
