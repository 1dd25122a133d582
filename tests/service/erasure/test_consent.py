"""Models learn from those students only who agreed; who is silent too long is forgotten."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from knowtrace.cli import app as commands
from knowtrace.service.classroom import Classroom
from knowtrace.service.consents.training import write_answers
from knowtrace.settings import Settings
from knowtrace.sources import read

Body = dict[str, Any]


async def test_consent_is_asked_for_and_can_be_withdrawn(client: httpx.AsyncClient) -> None:
    path = "/api/v1/students/anna/consent"
    assert (await client.get(path)).json() == {
        "student_id": "anna", "training": False, "is_default": True, "changed_at": None,
    }  # fmt: skip
    for training in (True, False):
        given = (await client.put(path, json={"training": training})).json()
        assert (given["training"], given["is_default"]) == (training, False)
        assert (await client.get(path)).json() == given
    assert (await client.put(path, json={"training": 1})).status_code == 422


@pytest.mark.parametrize("without_decision", [False, True])
async def test_a_file_of_answers_leaves_out_who_did_not_agree(
    client: httpx.AsyncClient,
    classroom: Classroom,
    event: Callable[..., Body],
    tmp_path: Path,
    without_decision: bool,
) -> None:
    """Read back as training data: the same answers, of those students."""
    for student_id in ("agreed", "refused", "never asked"):
        bodies = [event(n, event_id=f"{student_id}/{n}", student_id=student_id) for n in range(1, 8)]
        await client.post("/api/v1/events", json=bodies)
    await client.delete("/api/v1/events/agreed/3")
    for student_id in ("agreed", "refused"):
        path = f"/api/v1/students/{student_id}/consent"
        await client.put(path, json={"training": student_id == "agreed"})
    path = tmp_path / "answers.csv"
    written = await write_answers(classroom.store, "default", path, without_decision=without_decision)
    dataset = read(path)
    expected = {"agreed", "never asked"} if without_decision else {"agreed"}
    assert set(dataset.students) == expected
    assert (written.num_students, written.num_left_out) == (len(expected), 3 - len(expected))
    assert sum(map(len, dataset.students.values())) == written.num_answers == 6 + 7 * without_decision
    assert not dataset.quarantined
    assert list(dataset.event_ids["agreed"]) == [f"agreed/{n}" for n in (1, 2, 4, 5, 6, 7)]
    assert path.stat().st_mode & 0o077 == 0
    async with classroom.store.reading("default") as session:
        pages = [page async for page in session.events.history("agreed")]
    for stored, answer in zip(pages[0], dataset.students["agreed"], strict=True):
        assert (stored.interaction.item_id, stored.interaction.response, stored.interaction.answered_at) == (
            answer.item_id, answer.response, answer.answered_at,
        )  # fmt: skip


async def test_who_is_silent_too_long_is_erased(
    client: httpx.AsyncClient, classroom: Classroom, event: Callable[..., Body]
) -> None:
    await client.post("/api/v1/events", json=event(1, student_id="old", answered_at="2020-01-01T00:00:00Z"))
    await client.post("/api/v1/events", json=event(2, student_id="new"))
    async with classroom.store.reading("default") as session:
        new = (await session.students.load(["new"]))["new"].last_answered_at
        assert new is not None
        assert await session.silence.since(new) == ["old"]


def test_the_commands_erase_and_retain(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KNOWTRACE_RUN", str(settings.run))
    where = ["--database", settings.database_url]
    erased = CliRunner().invoke(commands, ["students", "erase", "anna", "--yes", "--json", *where])
    assert erased.exit_code == 0 and '"num_students": 1' in erased.output, erased.output
    kept = CliRunner().invoke(commands, ["students", "retain", "--older-than", "30", *where])
    assert kept.exit_code == 0, kept.output
    asked = CliRunner().invoke(commands, ["students", "erase", "anna", *where], input="n\n")
    assert asked.exit_code == 1
