"""What every suite may use: a small simulation, a tiny trained run on it, and where the real data lie."""

import asyncio
import copy
import functools
import gc
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlframe.base.util
import structlog
import torch
from service.processes import redis_server
from sqlglot.expressions import core as expressions
from torch.onnx._internal.exporter._registration import ONNXRegistry

from knowtrace.registry import Run
from knowtrace.sources import Dataset, SimulationConfig, read, simulate, write_simulation
from knowtrace.store import Store
from knowtrace.training import Recipe, TrainingConfig, train

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("KNOWTRACE_DATA", ROOT.parent / "shared" / "data"))
POSTGRES_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))

# Two workers on two cores: more threads than cores make every small tensor operation wait.
torch.set_num_threads(1)

# The exporter reads the source of a thousand operators for every export, a second of work with the same outcome.
ONNXRegistry.from_torchlib = staticmethod(functools.cache(ONNXRegistry.from_torchlib))

# SQLFrame copies a plan at every operation, and with each name the place where SQLGlot has read it; and it looks for a
# dialect's name among all dialects at every function: more than a quarter of what a small lake's build takes.
expressions.deepcopy = lambda value: dict(value) if type(value) is dict else copy.deepcopy(value)
sqlframe.base.util.dialect_to_string = functools.cache(sqlframe.base.util.dialect_to_string)

# Plans and traces are trees of nodes that point at each other: a search for garbage among them at every 700 new
# objects costs a tenth of an export and more of a lake.
gc.set_threshold(20_000, 20, 20)


# Where no service has set up its log, structlog colours every line of code around a traceback: seconds for each error.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


class SilentReporter:
    """Keeps what training said."""

    def __init__(self) -> None:
        self.records: list[dict[str, object]] = []
        self.warnings: list[str] = []
        self.answers = 0

    def begin(self, *, epochs: int, answers_per_epoch: int, epochs_done: int) -> None:
        self.epochs_done = epochs_done

    def advance(self, answers: int) -> None:
        self.answers += answers

    def epoch(self, record: dict[str, object]) -> None:
        self.records.append(record)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def reporter() -> SilentReporter:
    return SilentReporter()


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """150 simulated students, 30 binary items, 5 skills, with their true probabilities."""
    path = tmp_path_factory.mktemp("simulation")
    config = SimulationConfig(num_students=150, num_answers=40, num_items=30, num_skills=5, num_categories=2)
    write_simulation(simulate(config, seed=3), path)
    return read(path)


@pytest.fixture(scope="session")
def tiny_run(small_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed run of a narrow LSTM, trained for three epochs on the small simulation."""
    path = tmp_path_factory.mktemp("runs") / "tiny"
    recipe = Recipe(
        model="dkt",
        settings={"embedding_dim": 16, "hidden_dim": 16},
        training=TrainingConfig(epochs=3, batch_answers=1024, learning_rate=0.01),
    )
    return train(small_dataset, recipe, path, reporter=SilentReporter()).path


@pytest.fixture(scope="session")
def opened_run(tiny_run: Path) -> Run:
    return Run.open(tiny_run)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; without it a test is skipped, except in CI, where it fails."""
    if not DATA.is_dir():
        message = f"no real data at {DATA}: set KNOWTRACE_DATA"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return DATA


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with every table and no row: its migrations take longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "store.db"

    async def make() -> None:
        async with Store(f"sqlite+aiosqlite:///{path}") as store:
            await store.migrate()

    asyncio.run(make())
    assert not list(path.parent.glob("*-wal")), "the file holds all of it"
    return path


@pytest.fixture
def sqlite_url(migrated: Path, tmp_path: Path) -> str:
    """The address of a copy of it."""
    path = tmp_path / "test.db"
    shutil.copyfile(migrated, path)
    return f"sqlite+aiosqlite:///{path}"


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


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis server: the one that is named, else one of our own that keeps nothing."""
    if named := os.environ.get("TEST_REDIS_URL"):
        yield named
        return
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server.url
