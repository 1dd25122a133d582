"""A model that answers, and a database of its own for what it is told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from knowtrace.registry import Run
from knowtrace.store import Store
from knowtrace.tracing import Tracer


@pytest.fixture
def tracer(tiny_run: Path) -> Tracer:
    return Tracer(Run.open(tiny_run))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as store:
        await store.migrate()
        yield store
