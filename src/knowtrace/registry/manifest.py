"""The manifest of a run: size and SHA-256 of each of its files, and the one way in which any of them is read.

A file is read whole, as a plain file and no larger than the rule allows, and what is handed on are the very bytes whose
hash was compared: a file that is changed between check and use is refused like one that was changed before.
"""

import hashlib
import os
import stat
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import orjson

from knowtrace.errors import RunError

MANIFEST = "manifest.json"
FORMAT = 3
LARGEST_MANIFEST_BYTES = 2**16
RECURRENCE = "recurrence.safetensors"
CARD = "card.md"
OPTIONAL = (RECURRENCE, CARD)
"""Files that a run may have beside those it must have."""

LARGEST_BYTES = {
    "config.json": 2**20,
    "metrics.json": 2**24,
    "vocabulary.json": 2**25,
    "model.safetensors": 2**31,
    "serving.safetensors": 2**28,
    "observe.onnx": 2**29,
    "predict.onnx": 2**29,
    "answer.onnx": 2**30,
    "mastery.onnx": 2**29,
    RECURRENCE: 2**29,
    CARD: 2**20,
}
"""Every file a run may have, and how large it may be."""

FILES = tuple(name for name in LARGEST_BYTES if name not in OPTIONAL)
"""Every file a run must have."""

# A pipe or a device would make a reader wait, or act, at the mere opening.
_PLAINLY = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True)
class Sealed:
    """What a manifest says of one file."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What vouches for a run in a folder. `raw` is what was read, and what a signature is over."""

    folder: Path
    raw: bytes
    files: Mapping[str, Sealed]

    @classmethod
    def of(cls, folder: Path) -> "Manifest":
        """Read the manifest of a folder.

        Raises:
            RunError: there is none, or it is not one that we wrote.
        """
        path = folder / MANIFEST
        if not path.is_file():
            raise RunError(
                f"No finished run at {folder}: {MANIFEST} is missing. Run `knowtrace train --out {folder}`."
            )
        return cls.parse(read_plainly(path, LARGEST_MANIFEST_BYTES), folder)

    @classmethod
    def parse(cls, raw: bytes, folder: Path) -> "Manifest":
        """Return the manifest that bytes are.

        Raises:
            RunError: they are none that we wrote.
        """
        content = json_of(raw, folder / MANIFEST)
        files = content.get("files") if isinstance(content, dict) else None
        if (
            not isinstance(files, dict)
            or content.get("format") != FORMAT
            or set(content) != {"format", "files"}
        ):
            raise RunError(
                f"{folder / MANIFEST} is not a manifest of format {FORMAT}. Train the run again with this version."
            )
        problems = [f"{name!r} is no file of a run" for name in files if name not in LARGEST_BYTES]
        problems += [f"{name} is not in the manifest" for name in FILES if not _is_entry(files.get(name))]
        problems += [
            f"{name} may have {LARGEST_BYTES[name]} bytes, the manifest says {entry['bytes']}"
            for name, entry in files.items()
            if name in LARGEST_BYTES and _is_entry(entry) and not 0 <= entry["bytes"] <= LARGEST_BYTES[name]
        ]
        if problems:
            raise _altered(folder, problems)
        return cls(
            folder, raw, {name: Sealed(entry["bytes"], entry["sha256"]) for name, entry in files.items()}
        )

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()

    def check(self) -> None:
        """Compare every file with what the manifest says of it.

        Raises:
            RunError: one is missing or another; all of those are named.
        """
        problems = [problem for name in self.files if (problem := self._difference(name))]
        if problems:
            raise _altered(self.folder, problems)

    def read(self, name: str) -> bytes:
        """Return the content of a file of the run, as it was sealed.

        Raises:
            RunError: it is not, or not any more.
        """
        sealed = self.files[name]
        path = self.folder / name
        try:
            with plain_file(path) as (file, _):
                content = file.read(sealed.size + 1)
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror or error}. Restore the run.") from error
        if len(content) != sealed.size or hashlib.sha256(content).hexdigest() != sealed.sha256:
            raise _altered(self.folder, [f"{name} was changed after it was checked"])
        return content

    def _difference(self, name: str) -> str | None:
        sealed = self.files[name]
        try:
            with plain_file(self.folder / name) as (file, size):
                if size != sealed.size:
                    return f"{name} has {size} bytes, the manifest says {sealed.size}"
                if hashlib.file_digest(file, "sha256").hexdigest() != sealed.sha256:
                    return f"{name} has another SHA-256 than the manifest says"
        except OSError as error:
            return f"{name} is missing ({error.strerror or error})"
        return None


@contextmanager
def plain_file(path: Path) -> Generator[tuple[BufferedReader, int]]:
    """Open a plain file, follow no link to it, and give it with its size.

    Raises:
        OSError: it is missing, a link, a folder, a pipe or a device.
    """
    with os.fdopen(os.open(path, _PLAINLY), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "not a plain file", str(path))
        yield file, status.st_size


def read_plainly(path: Path, limit: int) -> bytes:
    """Return the content of a plain file of at most `limit` bytes.

    Raises:
        RunError: it is larger, no plain file, or cannot be read.
    """
    try:
        with plain_file(path) as (file, _):
            content = file.read(limit + 1)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}. Restore the run.") from error
    if len(content) > limit:
        raise RunError(f"{path} is larger than {limit} bytes: this is no {path.name} of ours.")
    return content


def json_of(raw: bytes, path: Path) -> Any:
    """Return what JSON that we wrote says.

    Raises:
        RunError: it is no JSON, or not byte for byte what we would write: a name twice in one object, say, of which
            another reader might take the other one.
    """
    try:
        content = orjson.loads(raw)
        is_ours = json_bytes(content) == raw
    except (orjson.JSONDecodeError, orjson.JSONEncodeError) as error:
        raise RunError(f"{path} is not JSON ({error}). Train the run again or restore it.") from error
    if not is_ours:
        raise RunError(f"{path} is not JSON as a run has it: somebody else wrote it. Train the run again.")
    return content


def json_bytes(content: Any) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY) + b"\n"


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and set(entry) == {"bytes", "sha256"}
        and type(entry["bytes"]) is int
        and isinstance(entry["sha256"], str)
    )


def _altered(folder: Path, problems: list[str]) -> RunError:
    return RunError(
        f"The run at {folder} is not the one that was sealed: {'; '.join(problems)}. Train it again or restore it."
    )
