"""Receipts of erasures, and what is left to do once one is committed: nothing older may be read any more."""

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from knowtrace.lake.checks import TABLES
from knowtrace.lake.commits import CommitLog, Snapshot

FOLDER = "_erasures"
DRAFT = ".draft"

STILL_COUNTED = (
    "gold.wdirt_features of other students: item_attempts and item_success_rate count the erased answers, among those "
    "of all training students, until a build brings new answers and writes features anew.",
    "gold.item_vocabulary, skill_vocabulary and skill_sets: the ids of items and skills keep their numbers, also where "
    "only the erased students met them.",
    "gold.item_parameters and item_drift: as they were calibrated, until the next calibration.",
)
NOT_COVERED = (
    "The sources: the files that the lake was built from hold the students until they are deleted there.",
    "Copies: backups and snapshots of the lake's folder, tables that `knowtrace lake publish` has written to a "
    "database (publish again), runs that were trained on the lake before.",
    "The name of a file that several students' answers came from, should it hold a student's name.",
)


@dataclass(frozen=True, kw_only=True)
class LakeReceipt:
    """What an erasure took out of a lake; it names nobody.

    `num_known` of the students had been erased before, of `num_found` there were answers. `rows` counts those removed
    by table, `num_files_removed` the files that held them or were listed by older commits alone. Of an erasure that
    changes nothing, `receipt_id` is empty: none is kept.
    """

    receipt_id: str
    erased_at: str
    version: int
    num_students: int
    num_known: int
    num_found: int
    rows: dict[str, int] = field(default_factory=dict[str, int])
    num_files_removed: int = 0
    still_counted: tuple[str, ...] = STILL_COUNTED
    not_covered: tuple[str, ...] = NOT_COVERED

    @property
    def is_unchanged(self) -> bool:
        return not self.receipt_id


def write_draft(root: Path, receipt: LakeReceipt) -> None:
    """Write a receipt as one that holds once its commit is made, durably."""
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    with (folder / f"{receipt.version:08d}-{receipt.receipt_id}{DRAFT}").open("wb") as stream:
        stream.write(orjson.dumps(asdict(receipt), option=orjson.OPT_INDENT_2))
        stream.flush()
        os.fsync(stream.fileno())


def finish_erasures(log: CommitLog) -> None:
    """Do what follows a commit that erases: tell Delta, remove older commits and their files, keep the receipt.

    Whoever holds the lake does this first: an erasure that was killed before its commit leaves no receipt, and one that
    was killed after it is finished here.
    """
    snapshot = log.last()
    for draft in sorted((log.root / FOLDER).glob(f"*{DRAFT}")):
        if int(draft.name.partition("-")[0]) > snapshot.version:
            draft.unlink()
            continue
        follow_with_delta(log.root, snapshot)
        log.sweep()
        draft.rename(draft.with_name(draft.name.partition("-")[2]).with_suffix(".json"))


def follow_with_delta(root: Path, snapshot: Snapshot, *, is_asked: bool = False) -> None:
    """Let Delta show a commit, where it is asked for or the lake has a Delta log.

    Whoever sweeps does this first: a build killed on its way through the tables leaves some of them at older commits,
    whose files would go.
    """
    if is_asked or any(root.glob("*/*/_delta_log")):
        from knowtrace.lake.delta import publish_delta  # noqa: PLC0415 - loaded where it is asked for

        publish_delta(root, snapshot, TABLES)
