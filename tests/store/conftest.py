"""Databases to test on: SQLite always; PostgreSQL where TEST_DATABASE_URL names one or its programs are
found.
"""

import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from knowtrace.store import Store

POSTGRES_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server: the one that is named, else one of our own in a temporary directory."""
    if named := os.environ.get("TEST_DATABASE_URL"):
        yield named
        return
    if not POSTGRES_PROGRAMS:
        message = "no PostgreSQL: TEST_DATABASE_URL is not set and no pg_ctl is found"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    # Not below pytest's own folder, which only its owner may enter: the server runs as another user.
    folder = Path("/tmp") / f"knowtrace-pg-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    as_user = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    programs = POSTGRES_PROGRAMS[-1]
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]

    def run(*command: str) -> None:
        subprocess.run([*as_user, *command], check=True, capture_output=True, cwd=folder)

    run(str(programs / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", "knowtrace")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run(
        str(programs / "pg_ctl"),
        "-D",
        str(folder / "data"),
        "-o",
        options,
        "-l",
        str(folder / "log"),
        "-w",
        "start",
    )
    try:
        yield f"postgresql+psycopg://knowtrace@127.0.0.1:{port}/postgres"
    finally:
        run(str(programs / "pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An empty database with every table."""
    async with Store(database_url, lock_wait_seconds=0.2) as store:
        await store.migrate("base")
        await store.migrate()
        yield store
