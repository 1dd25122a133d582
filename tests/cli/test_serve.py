"""What cannot be served is said in one line, exit code 2, before anything listens."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def serve(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "knowtrace", "serve", "--port", "0", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("mysql://somewhere", "names 'mysql'"),
        ("sqlite+aiosqlite:////no/such/folder/x.db", "does not exist"),
    ],
)
def test_a_database_that_cannot_be_used(tiny_run: Path, database: str, said: str) -> None:
    done = serve("--run", str(tiny_run), "--database", database)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    done = serve("--run", str(tmp_path), "--database", f"sqlite+aiosqlite:///{tmp_path / 'x.db'}")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "manifest.json is missing" in done.stderr


def test_without_a_run_it_is_the_one_that_the_environment_names(tmp_path: Path) -> None:
    database = f"sqlite+aiosqlite:///{tmp_path / 'x.db'}"
    done = serve("--database", database, KNOWTRACE_RUN=str(tmp_path / "of-the-environment"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "of-the-environment" in done.stderr


def test_a_setting_that_cannot_be_used(tiny_run: Path) -> None:
    done = serve("--run", str(tiny_run), KNOWTRACE_LOG_LEVEL="loud")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "log_level" in done.stderr


def test_the_environment_says_what_the_command_line_leaves_open(tiny_run: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "knowtrace", "serve", "--run", str(tiny_run)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "KNOWTRACE_PORT": "no port"},
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "port" in done.stderr


def test_strangers_are_not_let_in(tiny_run: Path) -> None:
    """Open to everybody, on an address that others can reach: only if that is said."""
    done = serve("--run", str(tiny_run), "--host", "0.0.0.0")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "KNOWTRACE_AUTH=keys" in done.stderr


def test_what_nobody_vouches_for_is_not_even_fetched(tmp_path: Path) -> None:
    strong = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c"
    done = serve(
        "--run",
        f"file://{tmp_path}/dkt-000000000000",
        KNOWTRACE_ENVIRONMENT="production",
        KNOWTRACE_AUDIT_KEY=strong,
        KNOWTRACE_MODEL_LOCATIONS=f'["file://{tmp_path}"]',
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "KNOWTRACE_TRUSTED_KEYS" in done.stderr


def test_a_setting_that_is_none_is_named(tiny_run: Path) -> None:
    done = serve("--run", str(tiny_run), KNOWTRACE_AUTH="maybe")
    assert done.returncode == 2
    assert "auth" in done.stderr
