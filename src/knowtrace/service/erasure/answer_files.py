"""Files of answers that `knowtrace students answers` keeps in the export folder: one that holds an erased student goes.

Whole, as it can be written anew without them. One that is being written may hold what was read before the erasure, so
it goes too, and whoever writes it is told.
"""

import asyncio
import csv
from collections.abc import Collection
from pathlib import Path

from knowtrace.jobs.exports import name_of_tenant
from knowtrace.service.consents.training import UNFINISHED
from knowtrace.settings import Settings


def folder_of(settings: Settings, tenant_id: str) -> Path | None:
    """Return where a tenant's files of answers are kept; None without an export folder."""
    if settings.export_folder is None:
        return None
    return settings.export_folder / "answers" / f"tenant={name_of_tenant(tenant_id)}"


async def delete_answer_files(
    settings: Settings, tenant_id: str, student_ids: Collection[str]
) -> tuple[int, list[str]]:
    """Delete a tenant's files that name one of these students; return how many, and what a receipt says beside it."""
    folder = folder_of(settings, tenant_id)
    if folder is None:
        return 0, []
    try:
        return await asyncio.to_thread(_delete_naming, folder, frozenset(student_ids)), []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        # The rows are gone already; what the receipt says must not be lost with a file.
        why = type(error).__name__
        return 0, [
            f"Files of answers in the folder of exports, which could not be looked through ({why}): delete them."
        ]


def _delete_naming(folder: Path, student_ids: frozenset[str]) -> int:
    for unfinished in folder.glob(f"*{UNFINISHED}"):
        unfinished.unlink(missing_ok=True)
    naming = [path for path in sorted(folder.glob("*.csv")) if _names(path, student_ids)]
    for path in naming:
        path.unlink(missing_ok=True)
    return len(naming)


def _names(path: Path, student_ids: frozenset[str]) -> bool:
    with path.open(encoding="utf-8", newline="") as file:
        return any(row.get("student_id") in student_ids for row in csv.DictReader(file))
