"""`knowtrace keys` and `knowtrace audit`, as an operator runs them."""

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from knowtrace.cli import app
from knowtrace.errors import ConflictError, DataError, NotFoundError

runner = CliRunner()


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys.db"
    monkeypatch.setenv("KNOWTRACE_DATABASE_URL", f"sqlite+aiosqlite:///{path}")
    return path


def run(*arguments: str) -> Result:
    result = runner.invoke(app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def create(*arguments: str) -> str:
    result = run("keys", "create", "--role", "service", "--name", "platform", *arguments, "--json")
    return json.loads(result.stdout)["key"]


def listed(*arguments: str) -> list[dict[str, object]]:
    return json.loads(run("keys", "list", "--json", *arguments).stdout)["keys"]


def test_a_secret_is_shown_once_and_kept_nowhere(database: Path) -> None:
    key = create()
    _, key_id, secret = key.split("_")
    assert secret.encode() not in database.read_bytes()
    shown = run("keys", "list").stdout
    assert key_id in shown
    assert secret not in shown
    with sqlite3.connect(database) as connection:
        [(kept,)] = connection.execute("SELECT hash FROM api_keys").fetchall()
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_the_life_of_a_key_is_in_the_list_and_in_the_audit_log() -> None:
    key_id = create("--expires-days", "30", "--scopes", "mastery:read, predict").split("_")[1]
    [row] = listed()
    assert (row["key_id"], row["role"], row["scopes"]) == (key_id, "service", ["mastery:read", "predict"])
    assert row["num_secrets"] == 1
    rotated = json.loads(run("keys", "rotate", key_id, "--json").stdout)
    assert rotated["key"].startswith(f"kt_{key_id}_")
    assert listed()[0]["num_secrets"] == 2
    run("keys", "revoke", key_id)
    run("keys", "revoke", key_id)
    assert listed()[0]["num_secrets"] == 0
    assert listed("--tenant", "other") == []
    report = json.loads(run("audit", "verify", "--json").stdout)
    assert (report["num_lines"], report["problems"]) == (3, [])


def test_a_rotation_without_overlap_ends_the_old_secret_at_once() -> None:
    key_id = create().split("_")[1]
    run("keys", "rotate", key_id, "--overlap-hours", "0")
    assert listed()[0]["num_secrets"] == 1


def test_verify_says_what_was_done_to_the_log_and_fails(database: Path) -> None:
    for _ in range(3):
        create()
    head = json.loads(run("audit", "verify", "--json").stdout)["head"]
    assert run("audit", "verify", "--expect", head).exit_code == 0
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE audit_log SET subject = 'somebody else' WHERE sequence = 2")
    result = run("audit", "verify")
    assert result.exit_code == 1
    assert "Line 2 was edited" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--role", "student", "--name", "x"), "names its student"),
        (("--role", "admin", "--name", "x", "--student", "anna"), "names its student"),
        (("--role", "educator", "--name", "", "--scopes", "audit:read,fly"), "audit:read, fly .* educator"),
    ],
)
def test_a_key_that_breaks_rules_is_not_made(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(DataError, match=said):
        run("keys", "create", *arguments)
    assert listed() == []


def test_what_is_not_there_is_said() -> None:
    assert run("keys", "create", "--role", "god", "--name", "x").exit_code == 2
    with pytest.raises(NotFoundError, match="knowtrace keys list"):
        run("keys", "rotate", "0" * 16)
    key_id = create().split("_")[1]
    with pytest.raises(NotFoundError):
        run("keys", "revoke", key_id, "--tenant", "other")
    run("keys", "revoke", key_id)
    with pytest.raises(ConflictError, match="Make a new one"):
        run("keys", "rotate", key_id)
