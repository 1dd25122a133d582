"""What is kept: tables, repositories, migrations. SQLite embedded, PostgreSQL in production, the same code."""

from knowtrace.store.audit import AuditLine, AuditReport, Deed
from knowtrace.store.decisions import StoredDecision
from knowtrace.store.erasure import LakeErasure
from knowtrace.store.events import ItemSeen, KnownEvent, Place, StoredEvent
from knowtrace.store.item_parameters import StoredItem
from knowtrace.store.job_queue import Claim, Errand, Waiting
from knowtrace.store.jobs import JobPriority, JobStatus, StoredJob
from knowtrace.store.keys import StoredKey
from knowtrace.store.learning_records import LearningRecord
from knowtrace.store.model_roles import Casting, ModelRole
from knowtrace.store.outbox import Lane, Message, QueuedMessage, StoredWebhook
from knowtrace.store.schedule_runs import Outcome, ScheduleRun
from knowtrace.store.snapshots import Snapshot
from knowtrace.store.standing_alerts import StandingAlert
from knowtrace.store.store import Session, Store, Transaction
from knowtrace.store.students import Mark, StoredSkill, StoredStudent, Students, StudentSummary

__all__ = [
    "AuditLine",
    "AuditReport",
    "Casting",
    "Claim",
    "Deed",
    "Errand",
    "ItemSeen",
    "JobPriority",
    "JobStatus",
    "KnownEvent",
    "LakeErasure",
    "Lane",
    "LearningRecord",
    "Mark",
    "Message",
    "ModelRole",
    "Outcome",
    "Place",
    "QueuedMessage",
    "ScheduleRun",
    "Session",
    "Snapshot",
    "StandingAlert",
    "Store",
    "StoredDecision",
    "StoredEvent",
    "StoredItem",
    "StoredJob",
    "StoredKey",
    "StoredSkill",
    "StoredStudent",
    "StoredWebhook",
    "StudentSummary",
    "Students",
    "Transaction",
    "Waiting",
]
