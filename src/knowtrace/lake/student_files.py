"""Many small files, one per student, into rows: the way EdNet is published, as a folder, a zip or a tar.

Files without anything odd are parsed together, by Arrow. A file with a quote, a blank line, a NUL or a row of another
width is read by the rules of `sources.records`, so that a row means the same here as to the loaders.
"""

import gzip
import hashlib
import io
import os
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from knowtrace.errors import DataError
from knowtrace.lake.arrow import Rows
from knowtrace.lake.tables import BUCKET, bucket_of
from knowtrace.sources.ednet import UNREADABLE
from knowtrace.sources.lines import GZIP, numbered_lines, without_suffixes
from knowtrace.sources.records import TOO_LONG, header_of, records

EDNET_KT1, EDNET_KT4 = "EdNet KT1", "EdNet KT4"
"""The formats of one file a student."""

BATCH_BYTES = 64 * 2**20
"""Files of a landing batch hold about as many bytes, unpacked."""

LARGEST_FILE = 2**30
"""Bytes of one student's file, unpacked: a larger one is no student's."""

GZIP_RATIO = 6
"""Bytes unpacked to one of a packed log: EdNet's longest have 6."""

LOOKED_AT = 100
"""Files that are looked at to recognise what they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Where one student's file lies: a file, or a member of an archive (packed); `size` in bytes as stored."""

    path: str
    name: str
    size: int
    is_packed: bool = False


@dataclass(kw_only=True)
class Rejected:
    file: str
    line: int | None
    column: str
    value: str
    rule: str


@dataclass(kw_only=True)
class LandedFile:
    """What became of one file."""

    name: str
    content_hash: str
    num_bytes: int
    num_rows: int = 0
    num_merged: int = 0
    num_quarantined: int = 0


@dataclass(kw_only=True)
class Landed:
    """The rows of some files, with the student's `bucket`; `others` counts rows that are no answers by action."""

    rows: Rows
    files: list[LandedFile] = field(default_factory=list[LandedFile])
    rejected: list[Rejected] = field(default_factory=list[Rejected])
    num_known: int = 0
    others: Counter[str] = field(default_factory=Counter[str])


def members(path: Path) -> list[Member]:
    """Return the students' files of a folder or archive (u*.csv, u*.csv.gz), in order of their names."""
    if path.is_dir():
        found = [*path.rglob("u*.csv"), *path.rglob("u*.csv.gz")]
        return sorted(
            (Member(path=str(f), name=_name_of(f.relative_to(path)), size=_size_of(f)) for f in found),
            key=lambda member: member.name,
        )
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                inside = [
                    (entry.filename, entry.file_size) for entry in archive.infolist() if not entry.is_dir()
                ]
        elif tarfile.is_tarfile(path):
            with tarfile.open(path) as archive:
                inside = [(entry.name, entry.size) for entry in archive if entry.isfile()]
        else:
            return []
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise DataError(f"The archive {path} cannot be read to its end ({error}): fetch it anew.") from None
    return [
        Member(path=str(path), name=name, size=size, is_packed=True)
        for name, size in inside
        if is_student_file(name)
    ]


def _size_of(path: Path) -> int:
    """Return a file's bytes; 0 of a link to nothing, which is named when it is read."""
    return path.stat().st_size if path.exists() else 0


def _name_of(path: Path) -> str:
    """Return a path as text; bytes of it that are no UTF-8 as `\\xff`."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def is_student_file(name: str) -> bool:
    last = name.rsplit("/", 1)[-1]
    return last.startswith("u") and last.endswith((".csv", ".csv.gz"))


def batches(files: Sequence[Member]) -> list[list[Member]]:
    """Return the files in order, in batches of about BATCH_BYTES."""
    parts: list[list[Member]] = []
    held = BATCH_BYTES
    for file in files:
        size = file.size * (GZIP_RATIO if file.name.endswith(".gz") else 1)
        if held + size > BATCH_BYTES:
            parts.append([])
            held = 0
        parts[-1].append(file)
        held += size
    return parts


def land(files: Sequence[Member], columns: tuple[str, ...], known: frozenset[str]) -> Landed:
    """Read files into text columns, `source_file`, `line` and `bucket`; skip and reject them as `new_contents`."""
    landed = Landed(rows=_empty(columns))
    plain: list[tuple[LandedFile, bytes]] = []
    odd: list[Rows] = []
    header: bytes | None = None
    for file, content in new_contents(files, known, landed):
        first, body = _split_header(content)
        header = header or first
        if first == header and _is_plain(body):
            plain.append((file, body))
        else:
            odd.append(_read_odd(file, content, columns, landed))
    together = None if header is None else _read_together(plain, header, columns)
    if together is None:
        odd += [_read_odd(file, (header or b"") + b"\n" + body, columns, landed) for file, body in plain]
        together = _empty(columns)
    landed.rows = pa.concat_tables([together, *odd])
    return landed


def new_contents(
    files: Sequence[Member], known: frozenset[str], landed: Landed
) -> Iterator[tuple[LandedFile, bytes]]:
    """Yield each file that can be read with its bytes, unpacked, one held at a time.

    `landed` is told of all new files: those whose hash is known are counted, those that cannot be read rejected.
    """
    met: set[str] = set()

    def unopened(member: Member, why: str) -> None:
        digest = _hash_unopened(member)
        if digest in known:
            landed.num_known += 1
            return
        file = LandedFile(name=member.name, content_hash=digest, num_bytes=0)
        landed.files.append(file)
        reject_file(landed, file, why)

    for member, stored in _contents(files, unopened):
        digest = _hash_of(member, stored)
        if digest in known or digest in met:
            landed.num_known += 1
            continue
        met.add(digest)
        file = LandedFile(name=member.name, content_hash=digest, num_bytes=len(stored))
        landed.files.append(file)
        try:
            content = _unpacked(stored)
        except (OSError, EOFError, zlib.error) as error:
            reject_file(landed, file, str(error))
            continue
        yield file, content


def header_lines(files: Sequence[Member]) -> Iterator[str]:
    """Yield the first line of each file that can be read and has one; read no more files than are asked for."""
    for _, stored in _contents(files, lambda *_: None):
        try:
            line = _split_header(_unpacked(stored))[0].decode("utf-8", "replace")
        except (OSError, EOFError, zlib.error):
            continue
        if line:
            yield line


def hashes(files: Sequence[Member]) -> Iterator[tuple[str, int]]:
    """Yield the content hash and the stored bytes of each file; of one that cannot be opened what it is listed by."""
    unopened: list[Member] = []
    for member, stored in _contents(files, lambda member, _why: unopened.append(member)):
        yield _hash_of(member, stored), len(stored)
    for member in unopened:
        yield _hash_unopened(member), 0


def _hash_of(member: Member, stored: bytes) -> str:
    """The name is part of what a student's file says: it is the student."""
    return hashlib.sha256(member.name.encode() + b"\0" + stored).hexdigest()


def _hash_unopened(member: Member) -> str:
    """Nothing is known of its bytes: so it is listed once where it lies, and landed when it can be read."""
    place = _name_of(Path(member.path).resolve())
    return hashlib.sha256(f"{UNREADABLE}\0{place}\0{member.name}".encode()).hexdigest()


def _contents(
    files: Sequence[Member], unopened: Callable[[Member, str], None]
) -> Iterator[tuple[Member, bytes]]:
    """Yield each file with its bytes as stored; of a file that cannot be opened tell `unopened` why."""
    if not files:
        return
    first = files[0]
    if not first.is_packed:
        for member in files:
            try:
                yield member, Path(member.path).read_bytes()
            except OSError as error:
                unopened(member, error.strerror or str(error))
        return
    wanted = {member.name: member for member in files}
    if zipfile.is_zipfile(first.path):
        with zipfile.ZipFile(first.path) as archive:
            for member in files:
                try:
                    with archive.open(member.name) as stream:
                        stored = stream.read(LARGEST_FILE + 1)
                # A member that is encrypted is a RuntimeError, one packed in an unknown way a NotImplementedError.
                except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
                    unopened(member, str(error))
                    continue
                yield member, stored
        return
    with tarfile.open(first.path) as archive:
        for entry in archive:
            if (member := wanted.get(entry.name)) is not None and (
                stream := archive.extractfile(entry)
            ) is not None:
                yield member, stream.read(LARGEST_FILE + 1)


def _unpacked(stored: bytes) -> bytes:
    if stored.startswith(GZIP):
        with gzip.open(io.BytesIO(stored)) as stream:
            content = stream.read(LARGEST_FILE + 1)
    else:
        content = stored
    if len(content) > LARGEST_FILE:
        raise OSError(f"more than {LARGEST_FILE:,} bytes, unpacked")
    return content.removeprefix(b"\xef\xbb\xbf")


def _split_header(content: bytes) -> tuple[bytes, bytes]:
    first, _, body = content.partition(b"\n")
    return first.rstrip(b"\r"), body


def _is_plain(body: bytes) -> bool:
    if b'"' in body or b"\0" in body or b"\n\n" in body or body.startswith((b"\n", b"\r")):
        return False
    num_returns = body.count(b"\r")
    return num_returns == 0 or (num_returns == body.count(b"\r\n") and b"\n\r\n" not in body)


def _read_together(
    plain: list[tuple[LandedFile, bytes]], header: bytes, columns: tuple[str, ...]
) -> Rows | None:
    """Return the rows of plain files, or None when one of them is not plain after all."""
    bodies = [body if not body or body.endswith(b"\n") else body + b"\n" for _, body in plain]
    counts = np.array([body.count(b"\n") for body in bodies], dtype=np.int64)
    delimiter, names = header_of(header.decode("utf-8", "replace"))
    if not set(columns) <= set(names):
        return None
    if counts.sum() == 0:
        return _empty(columns)
    try:
        rows = arrow_csv.read_csv(
            io.BytesIO(b"".join(bodies)),
            read_options=arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=2**24),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, quote_char=False, double_quote=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                include_columns=list(columns),
                null_values=[],
            ),
        )
    except pa.ArrowInvalid:
        return None
    if rows.num_rows != counts.sum():
        return None
    for (file, _), count in zip(plain, counts, strict=True):
        file.num_rows = int(count)
    ends = np.cumsum(counts)
    line = np.arange(ends[-1]) - np.repeat(ends - counts, counts) + 2
    owners = pa.array(np.repeat(np.arange(len(plain), dtype=np.int32), counts))
    for column, values in (
        ("source_file", [file.name for file, _ in plain]),
        (BUCKET, [_bucket_of(file) for file, _ in plain]),
    ):
        rows = rows.append_column(column, pa.array(values, pa.string()).take(owners))
    return rows.append_column("line", pa.array(line)).select(_empty(columns).column_names)


def _read_odd(file: LandedFile, content: bytes, columns: tuple[str, ...], landed: Landed) -> Rows:
    """Return the rows of one file by the loaders' rules; a file that is no such table is rejected whole."""

    def reject(line: int, column: str, value: str, rule: str) -> None:
        landed.rejected.append(
            Rejected(file=file.name, line=line, column=column, value=value[:200], rule=rule)
        )
        file.num_rows += 1
        file.num_quarantined += 1

    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        reject_file(landed, file, f"the byte 0x{content[error.start]:02x} is not UTF-8")
        return landed.rows.slice(0, 0)
    lines = numbered_lines(
        io.StringIO(text, newline=None), lambda number, line: reject(number, "", line, TOO_LONG)
    )
    delimiter, names = header_of(next((line for _, line in lines), ""))
    missing = [name for name in columns if name not in names]
    if missing:
        reject_file(landed, file, f"it has no column {', '.join(missing)}", ", ".join(missing))
        return landed.rows.slice(0, 0)
    at = [names.index(name) for name in columns]
    found = [
        (number, *(fields[i] for i in at)) for number, fields in records(lines, delimiter, names, reject)
    ]
    file.num_rows += len(found)
    cells = list(zip(*found, strict=True)) if found else [()] * (len(columns) + 1)
    rows = pa.table({name: pa.array(cells[i + 1], pa.string()) for i, name in enumerate(columns)})
    for column, value in (("source_file", file.name), (BUCKET, _bucket_of(file))):
        rows = rows.append_column(column, pa.array([value] * len(found), pa.string()))
    return rows.append_column("line", pa.array(cells[0], pa.int64())).select(_empty(columns).column_names)


def reject_file(landed: Landed, file: LandedFile, why: str, column: str = "") -> None:
    """Count a file as one rejected row; `column` names what it lacks."""
    landed.rejected.append(
        Rejected(file=file.name, line=None, column=column, value=why[:200], rule=UNREADABLE)
    )
    file.num_rows, file.num_quarantined = 1, 1


def _empty(columns: tuple[str, ...]) -> Rows:
    fields = [(name, pa.string()) for name in columns]
    fields += [("source_file", pa.string()), (BUCKET, pa.string())]
    return pa.schema([*fields, ("line", pa.int64())]).empty_table()


def _bucket_of(file: LandedFile) -> str:
    return bucket_of(without_suffixes(Path(file.name)))
