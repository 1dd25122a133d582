"""Who is erased in the service waits for the lake, and is forgotten when the lake has erased them, too."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lake.lake_rows import histories

from knowtrace.jobs import Done, Ended
from knowtrace.lake import build_lake
from knowtrace.service.erasure import lake as carrying
from knowtrace.store import Outcome
from service.erasure.test_erasure import CANARY, Body, rows_with
from service.identity.school import HOME, School, open_school


@pytest.fixture
async def school(tiny_run: Path, tmp_path: Path) -> AsyncIterator[School]:
    (tmp_path / "lake").mkdir()
    settings: dict[str, Any] = {"lake": tmp_path / "lake", "lake_tenant": "north", "audit_key": "a" * 32}
    async with open_school(tiny_run, f"sqlite+aiosqlite:///{tmp_path / 'school.db'}", **settings) as school:
        yield school


async def erase(school: School, tenant_id: str) -> Body:
    await school.answer(tenant_id, CANARY, 1)
    answer = await school.ask((tenant_id, "admin"), "DELETE", f"/api/v1/students/{CANARY}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def carry(school: School) -> Done:
    return await carrying.erase_from_lake(school.classroom, datetime.now(UTC))


async def audit_lines(school: School, tenant_id: str) -> list[Body]:
    lines = (await school.ask((tenant_id, "admin"), "GET", "/api/v1/audit?limit=1000")).json()["lines"]
    return [line for line in lines if line["action"].startswith("students.erase")]


def ending(monkeypatch: pytest.MonkeyPatch, lake: Path, ended: Ended) -> list[list[str]]:
    """Let the lake's command end so; return the ids it was given each time, from a file that nobody else may read."""
    given: list[list[str]] = []

    async def run_command(arguments: list[str], *, timeout_seconds: float) -> Ended:
        path = lake / carrying.IDS
        assert arguments == ["lake", "erase", "--lake", str(lake), "--students", str(path), "--yes", "--json"]
        assert path.stat().st_mode & 0o777 == 0o600
        given.append(path.read_text(encoding="utf-8").splitlines())
        return ended

    monkeypatch.setattr(carrying, "run_command", run_command)
    return given


async def test_the_receipt_says_what_waits_and_for_whose_lake(school: School) -> None:
    ours, theirs = await erase(school, "north"), await erase(school, "south")
    [waiting] = ours["waiting"]
    assert waiting.startswith("The lake ") and "lake_erasure" in waiting
    assert theirs["waiting"] == []
    assert any(line.startswith("The lake:") for line in theirs["not_covered"])
    assert not any(line.startswith("The lake:") for line in ours["not_covered"])
    assert await rows_with(school.classroom.store, CANARY) == {"lake_erasures": 1}


async def test_the_id_is_kept_until_the_lake_is_done_and_no_longer(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = await erase(school, "north")
    (tmp_path / "lake" / carrying.IDS).write_text("left by a killed process", encoding="utf-8")
    given = ending(monkeypatch, tmp_path / "lake", Ended(0, '{"receipt_id": "5efb6e60e009aa75"}'))
    done = await carry(school)
    assert (done.outcome, done.detail) == (
        Outcome.DONE,
        "The lake has erased 1 students: receipt 5efb6e60e009aa75 of the lake.",
    )
    assert given == [[CANARY, f"{HOME}/{CANARY}"]]
    assert not (tmp_path / "lake" / carrying.IDS).exists()
    assert await rows_with(school.classroom.store, CANARY) == {}
    assert all(CANARY.encode() not in path.read_bytes() for path in tmp_path.glob("school.db*"))
    here, there = sorted(await audit_lines(school, "north"), key=lambda line: line["sequence"])
    assert here["action"] == f"students.erase {receipt['receipt_id']}"
    assert there["action"] == f"students.erase lake {receipt['receipt_id']}"
    assert here["object_hash"] == there["object_hash"]
    assert (await carry(school)).detail == "Nobody waits to be erased from the lake."
    assert len(given) == 1


@pytest.mark.parametrize(
    ("ended", "says"),
    [
        (Ended(1, "Another build"), "exit code 1: 1 students wait on.\nAnother build"),
        (Ended(None, ""), "too long"),
    ],
)
async def test_a_lake_that_fails_leaves_everybody_waiting(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: Ended, says: str
) -> None:
    await erase(school, "north")
    ending(monkeypatch, tmp_path / "lake", ended)
    done = await carry(school)
    assert done.outcome == Outcome.FAILED
    assert says in done.detail
    assert not (tmp_path / "lake" / carrying.IDS).exists()
    assert await rows_with(school.classroom.store, CANARY) == {"lake_erasures": 1}
    assert len(await audit_lines(school, "north")) == 1


async def test_a_lake_that_is_not_there_leaves_everybody_waiting(school: School, tmp_path: Path) -> None:
    await erase(school, "north")
    (tmp_path / "lake").rmdir()
    done = await carry(school)
    assert done.outcome == Outcome.FAILED
    assert "No such file or directory" in done.detail


async def test_the_schedules_command_erases_from_a_real_lake(school: School, tmp_path: Path) -> None:
    source = tmp_path / "answers.csv"
    source.write_text(f"student,item,correct\n{CANARY},a,1\nben,a,0\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [source])
    await erase(school, "north")
    done = await carry(school)
    assert done.outcome == Outcome.DONE, done.detail
    assert "receipt" in done.detail
    assert set(histories(tmp_path / "lake")) == {"ben"}
