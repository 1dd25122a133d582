"""What else a program may ask: `client.run(jobs.submit(...))`, `await client.run(models.roll_back())`.

Each operation is a function that returns a `Call`; both clients send it, and return the answer that it names.
"""

from knowtrace.client.operations import (
    audit,
    catalogue,
    history,
    jobs,
    keys,
    models,
    schedules,
    standards,
    status,
    students,
    webhooks,
)

__all__ = [
    "audit",
    "catalogue",
    "history",
    "jobs",
    "keys",
    "models",
    "schedules",
    "standards",
    "status",
    "students",
    "webhooks",
]
