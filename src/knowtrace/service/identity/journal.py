"""What is noted beside answering: refused requests in the audit log, and when keys were last used.

Written in the background, together, so that nobody waits for it. A crash may lose the last second of notes; what
changes anything is written in the transaction of the change instead.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import structlog

from knowtrace.errors import UnavailableError
from knowtrace.store import Deed, Store

PAUSE_SECONDS = 1.0
MOST_DENIALS = 60
"""Lines that refusals may add to one tenant's log in a minute; those beyond are only counted in its next line."""

MOST_WAITING = 10_000


class Journal:
    """Collects notes and writes them once a second. Refusals beyond the bound are counted, not listed."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._now = now
        self._denials: defaultdict[str, list[tuple[datetime, Deed]]] = defaultdict(list)
        self._written: Counter[tuple[str, datetime]] = Counter()
        self._left_out: Counter[str] = Counter()
        self._used: dict[tuple[str, str], datetime] = {}
        self._noted: dict[tuple[str, str], datetime] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_ending = asyncio.Event()
        self._log: Any = structlog.get_logger("knowtrace.journal")

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._write_on())
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        # A flush that runs is let finish: stopped in the middle, it would lose the notes that it holds.
        self._is_ending.set()
        await self._task
        await self.flush()

    def used(self, tenant_id: str, key_id: str) -> None:
        """Note that a key is used, once an hour."""
        hour = self._now().replace(minute=0, second=0, microsecond=0)
        key = (tenant_id, key_id)
        if self._noted.get(key) != hour and len(self._used) < MOST_WAITING:
            self._noted[key] = self._used[key] = hour

    def denied(self, tenant_id: str, deed: Deed) -> None:
        """Note a refused request."""
        now = self._now()
        minute = (tenant_id, now.replace(second=0, microsecond=0))
        if self._written[minute] >= MOST_DENIALS or len(self._denials) >= MOST_WAITING:
            self._left_out[tenant_id] += 1
            return
        if not self._written[minute]:
            self._written = Counter(
                {key: count for key, count in self._written.items() if key[1] == minute[1]}
            )
        self._written[minute] += 1
        if left_out := self._left_out.pop(tenant_id, 0):
            deed = replace(deed, outcome=f"denied +{left_out}")
        self._denials[tenant_id].append((now, deed))

    async def flush(self) -> None:
        """Write what is noted; what the database cannot take now is kept for the next time."""
        denials, self._denials = self._denials, defaultdict(list)
        used, self._used = self._used, {}
        tenants = {*denials, *(tenant_id for tenant_id, _ in used)}
        for tenant_id in sorted(tenants):
            try:
                async with self._store.writing(tenant_id) as session:
                    for at, deed in denials[tenant_id]:
                        await session.audit.append(deed, at=at)
                    for (owner, key_id), hour in used.items():
                        if owner == tenant_id:
                            await session.keys.mark_used(key_id, hour)
            except UnavailableError as error:
                self._log.warning("notes wait for the database", error=type(error).__name__)
                self._denials[tenant_id] = denials[tenant_id] + self._denials[tenant_id]
                self._used |= {key: hour for key, hour in used.items() if key[0] == tenant_id}

    async def _write_on(self) -> None:
        while not await self._ends_within(PAUSE_SECONDS):
            if self._denials or self._used:
                try:
                    await self.flush()
                except Exception as error:  # noqa: BLE001 - one bad note must not end all later ones
                    self._log.error("notes were lost", exc_info=error)

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._is_ending.wait()
        except TimeoutError:
            return False
