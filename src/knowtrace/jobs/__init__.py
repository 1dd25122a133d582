"""Work that is done later and elsewhere: jobs in a durable queue, taken up again wherever a worker stopped; and
work that is done at set times, each time once.
"""

from knowtrace.jobs.callbacks import Messenger
from knowtrace.jobs.commands import Ended, run_command
from knowtrace.jobs.crew import Crew
from knowtrace.jobs.drain import Drain
from knowtrace.jobs.exports import store_item_parameters, write_item_parameters, write_mastery_counts
from knowtrace.jobs.leases import Leases
from knowtrace.jobs.retention import Keeping, forget
from knowtrace.jobs.rules import Rule
from knowtrace.jobs.submitting import cancel, no_job, submit
from knowtrace.jobs.timetable import Done, Schedule, Timetable, Work
from knowtrace.jobs.worker import Result, Worker

__all__ = [
    "Crew",
    "Done",
    "Drain",
    "Ended",
    "Keeping",
    "Leases",
    "Messenger",
    "Result",
    "Rule",
    "Schedule",
    "Timetable",
    "Work",
    "Worker",
    "cancel",
    "forget",
    "no_job",
    "run_command",
    "store_item_parameters",
    "submit",
    "write_item_parameters",
    "write_mastery_counts",
]
