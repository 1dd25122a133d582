"""Whose turn it is.

A job has its turn so many seconds after it began to wait: at once if its priority is high, later if it is not. The
earliest turn is taken first, one part of the job is done, and the job begins to wait again. So work of high priority
goes first while there is some; jobs of one priority go round; and nothing starves: a job that waits is overtaken only
by jobs that began to wait less than its `HEAD_START_SECONDS` after it. A turn that has not come yet is taken all the
same when nothing else waits.
"""

from datetime import datetime, timedelta

from knowtrace.store import JobPriority

HEAD_START_SECONDS = {JobPriority.HIGH: 0.0, JobPriority.NORMAL: 5.0, JobPriority.LOW: 30.0}
"""How much later a job may begin to wait, at high priority, and still go first."""


def turn_at(priority: JobPriority, waits_since: datetime) -> datetime:
    return waits_since + timedelta(seconds=HEAD_START_SECONDS[priority])
