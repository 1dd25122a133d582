"""Files of answers for training that the export folder keeps do not outlive the students in them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from knowtrace.cli import app as commands
from knowtrace.errors import ConflictError
from knowtrace.service.consents import training
from knowtrace.service.consents.training import write_answers
from knowtrace.service.erasure.answer_files import folder_of
from knowtrace.store import Store
from service.erasure.test_erasure import Body
from service.identity.school import School, open_school


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    return tmp_path / "exports"


@pytest.fixture
async def school(tiny_run: Path, tmp_path: Path, exports: Path) -> AsyncIterator[School]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'school.db'}"
    async with open_school(tiny_run, url, export_folder=exports) as school:
        for tenant_id in ("north", "south"):
            await school.answer(tenant_id, "anna", 1)
            await school.answer(tenant_id, "ben", 1)
        yield school


async def written(school: School, tenant_id: str, name: str = "answers.csv") -> Path:
    folder = folder_of(school.classroom.settings, tenant_id)
    assert folder is not None
    folder.mkdir(parents=True, exist_ok=True)
    await write_answers(school.classroom.store, tenant_id, folder / name, without_decision=True)
    return folder / name


async def erase(school: School, student_id: str) -> Body:
    answer = await school.ask(("north", "admin"), "DELETE", f"/api/v1/students/{student_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_files_that_hold_the_student_go_and_no_others(school: School) -> None:
    ours, again, theirs = [
        await written(school, *of) for of in (("north",), ("north", "again.csv"), ("south",))
    ]
    assert "anna" in ours.read_text()
    assert (await erase(school, "anna"))["num_answer_files"] == 2
    assert not ours.exists()
    assert not again.exists()
    assert "anna" in theirs.read_text()
    without = await written(school, "north")
    assert "ben" in without.read_text()
    assert (await erase(school, "anna"))["num_answer_files"] == 0
    assert without.exists()


async def test_a_file_that_is_being_written_never_comes_to_be(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The erasure comes when the answers have been read, and the file is not in its place yet."""
    write = training._write

    async def then_erase(store: Store, tenant_id: str, *rest: object) -> object:
        done = await write(store, tenant_id, *rest)  # type: ignore[arg-type]
        await erase(school, "anna")
        return done

    monkeypatch.setattr(training, "_write", then_erase)
    with pytest.raises(ConflictError, match="Write it again"):
        await written(school, "north")
    folder = folder_of(school.classroom.settings, "north")
    assert folder is not None
    assert list(folder.iterdir()) == []


async def test_a_file_that_cannot_be_read_is_said_and_the_student_is_erased(school: School) -> None:
    (await written(school, "north")).write_bytes(b"student_id\n\xff\n")
    receipt = await erase(school, "anna")
    assert receipt["rows"]["events"] == 1
    assert any(
        line.startswith("Files of answers in the folder of exports") for line in receipt["not_covered"]
    )


async def test_a_folder_that_is_not_there_is_no_erasure(school: School, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await write_answers(
            school.classroom.store, "north", tmp_path / "none" / "a.csv", without_decision=True
        )


def test_the_command_writes_where_erasures_look(
    tmp_path: Path, exports: Path, tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KNOWTRACE_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'commands.db'}")
    monkeypatch.setenv("KNOWTRACE_RUN", str(tiny_run))
    runner = CliRunner()
    refused = runner.invoke(commands, ["students", "answers"])
    assert refused.exit_code == 2
    assert "KNOWTRACE_EXPORT_FOLDER" in refused.output
    monkeypatch.setenv("KNOWTRACE_EXPORT_FOLDER", str(exports))
    assert runner.invoke(commands, ["students", "answers"]).exit_code == 0
    [path] = exports.rglob("*.csv")
    assert path.parent == exports / "answers" / "tenant=default"
    with path.open("a") as file:
        file.write("e1,anna,i1,,1,2026-03-01T10:00:00+00:00,,,,\n")
    erased = runner.invoke(commands, ["students", "erase", "anna", "--yes"])
    assert "Deleted: 1 files of answers for training." in erased.output
    assert not path.exists()
