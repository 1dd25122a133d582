"""What is kept: tables, repositories, migrations. SQLite embedded, PostgreSQL in production, the same code."""

from knowtrace.store.audit import AuditLine, AuditReport, Deed
from knowtrace.store.decisions import StoredDecision
from knowtrace.store.events import ItemSeen, KnownEvent, Place, StoredEvent
from knowtrace.store.keys import StoredKey
from knowtrace.store.learning_records import LearningRecord
from knowtrace.store.model_roles import Casting, ModelRole
from knowtrace.store.outbox import Lane, Message, QueuedMessage, StoredWebhook
from knowtrace.store.snapshots import Snapshot
from knowtrace.store.store import Session, Store, Transaction
from knowtrace.store.students import StoredSkill, StoredStudent, Students, StudentSummary

__all__ = [
    "AuditLine",
    "AuditReport",
    "Casting",
    "Deed",
    "ItemSeen",
    "KnownEvent",
    "Lane",
    "LearningRecord",
    "Message",
    "ModelRole",
    "Place",
    "QueuedMessage",
    "Session",
    "Snapshot",
    "Store",
    "StoredDecision",
    "StoredEvent",
    "StoredKey",
    "StoredSkill",
    "StoredStudent",
    "StoredWebhook",
    "StudentSummary",
    "Students",
    "Transaction",
]
