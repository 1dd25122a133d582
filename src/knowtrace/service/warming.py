"""What is remembered before the first request: whoever answered last is likely to answer next."""

from typing import Any

import structlog

from knowtrace.service.lineup import Loaded
from knowtrace.store import Store

log: Any = structlog.get_logger("knowtrace.warming")


async def warm(store: Store, model: Loaded, *, most: int) -> None:
    """Let a model remember at most so many students, of each tenant the latest ones, as many of each.

    Raises:
        UnavailableError: the database cannot be reached.
    """
    tenants = (await store.tenants())[:most]
    num_remembered = 0
    for tenant_id in tenants:
        async with store.reading(tenant_id) as session:
            latest = await session.students.most_recent(limit=most // len(tenants))
            ids = [student.student_id for student in latest]
            num_remembered += await model.followed.warm(session, ids) if ids else 0
    if num_remembered:
        log.info("students are remembered", students=num_remembered, model_version=model.version)
