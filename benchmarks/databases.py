"""Databases for the benchmarks beside this file: a SQLite file, or a PostgreSQL server of our own."""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

POSTGRES_PROGRAMS = Path("/usr/lib/postgresql")
DATABASES = ("sqlite", "postgresql")


@contextlib.contextmanager
def open_database(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of an empty database; a PostgreSQL server flushes to disk as in production and ends with it."""
    if kind == "sqlite":
        yield f"sqlite+aiosqlite:///{folder / 'bench.db'}"
        return
    programs = sorted(POSTGRES_PROGRAMS.glob("*/bin"))
    if not programs:
        raise SystemExit(f"No PostgreSQL below {POSTGRES_PROGRAMS}: `make services` installs one.")
    data = folder / "postgres"
    data.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:
        folder.chmod(0o755)
        shutil.chown(data, "postgres", "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        command = [*as_user, str(programs[-1] / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=data)

    run("initdb", "-D", str(data / "data"), "-A", "trust", "-U", "knowtrace")
    options = f"-p {port} -k {data} -c listen_addresses=127.0.0.1"
    run("pg_ctl", "-D", str(data / "data"), "-o", options, "-l", str(data / "log"), "-w", "start")
    try:
        # Not the superuser: it would go past row-level security, and the service is not meant to.
        for statement in ("CREATE ROLE service LOGIN", "CREATE DATABASE bench OWNER service"):
            run(
                "psql",
                "-h",
                "127.0.0.1",
                "-p",
                str(port),
                "-U",
                "knowtrace",
                "-d",
                "postgres",
                "-c",
                statement,
            )
        yield f"postgresql+psycopg://service@127.0.0.1:{port}/bench"
    finally:
        run("pg_ctl", "-D", str(data / "data"), "-m", "immediate", "-w", "stop")
