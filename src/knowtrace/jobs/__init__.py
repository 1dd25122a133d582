"""Work that is done later and elsewhere: jobs in a durable queue, taken up again wherever a worker stopped."""

from knowtrace.jobs.addresses import Allowed
from knowtrace.jobs.callbacks import Messenger, sign
from knowtrace.jobs.crew import Crew
from knowtrace.jobs.leases import Leases
from knowtrace.jobs.submitting import cancel, no_job, submit
from knowtrace.jobs.worker import Result, Worker

__all__ = ["Allowed", "Crew", "Leases", "Messenger", "Result", "Worker", "cancel", "no_job", "sign", "submit"]
