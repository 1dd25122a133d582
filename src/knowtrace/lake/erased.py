"""Who was erased from a lake: keyed hashes, by which later builds leave out what sources still hold of them."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pyarrow import parquet

from knowtrace.errors import DataError
from knowtrace.lake.commits import Snapshot
from knowtrace.lake.silver_tables import ERASED_STUDENTS

KEY = "_erasure_key"
"""The file of the key, beside the tables: who reads tables alone cannot try ids out."""

KEY_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class ErasedStudents:
    """The students that a lake has erased. `student in erased` costs a hash, and nothing where nobody was erased."""

    key: bytes = b""
    hashes: frozenset[str] = frozenset()

    def __contains__(self, student_id: object) -> bool:
        return bool(self.hashes) and isinstance(student_id, str) and self.hash_of(student_id) in self.hashes

    def hash_of(self, student_id: str) -> str:
        return hmac.new(self.key, student_id.encode(), hashlib.sha256).hexdigest()

    def among(self, student_ids: Iterable[str]) -> frozenset[str]:
        return frozenset(student_id for student_id in student_ids if student_id in self)


def erased_students(root: Path, snapshot: Snapshot) -> ErasedStudents:
    """Return whom a lake has erased.

    Raises: DataError when the key is gone: nobody could be known again, and a build would bring them back.
    """
    hashes = {
        student_hash
        for file in snapshot.files(ERASED_STUDENTS)
        for student_hash in parquet.ParquetFile(root / file.path)
        .read(columns=["student_hash"])["student_hash"]
        .to_pylist()
    }
    if not hashes:
        return ErasedStudents()
    path = root / KEY
    if not path.is_file():
        raise DataError(
            f"The lake {root} has erased {len(hashes):,} students but lacks {KEY}, by which it knows them: put the "
            "file back from a copy of the lake, else they would return."
        )
    return ErasedStudents(key=bytes.fromhex(path.read_text(encoding="ascii")), hashes=frozenset(hashes))


def key_of(root: Path) -> bytes:
    """Return the lake's key, made at the first erasure and durable before anything is hashed with it."""
    path = root / KEY
    if not path.exists():
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(secrets.token_hex(KEY_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        draft.rename(path)
    return bytes.fromhex(path.read_text(encoding="ascii"))
