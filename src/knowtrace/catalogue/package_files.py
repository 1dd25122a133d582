"""The files of a package, a zip or a folder, by the names its manifest gives: never outside it, never too large.

Nothing is unpacked. A name that leaves the package is refused, in a zip as well; so is a link in a folder that leads
out of it. What a file really unpacks to is counted while it is read: the sizes a zip claims are not believed.
"""

import stat
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import unquote

from knowtrace.errors import DataError

MOST_FILES = 200_000
LARGEST_PACKAGE = 2**30


class PackageError(Exception):
    """A file of a package that is not read; the text is the rule it breaks."""


class Package(Protocol):
    """Reads the files of a package by name."""

    def names(self) -> list[str]:
        """Return the names of all files, in order."""
        ...

    def read(self, name: str, *, largest: int) -> bytes:
        """Return a file. Raises: PackageError when it is not there, not safe or has more than `largest` bytes."""
        ...


class FolderPackage:
    """A folder as a package."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.budget = LARGEST_PACKAGE

    def names(self) -> list[str]:
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.folder).as_posix() for path in files)

    def read(self, name: str, *, largest: int) -> bytes:
        path = (self.folder / safe_name(name)).resolve()
        if not path.is_relative_to(self.folder):
            raise PackageError("a file lies in the package")
        if not path.is_file():
            raise PackageError("a file that is named is there")
        with path.open("rb") as stream:
            content = stream.read(largest + 1)
        self.budget = _spent(self.budget, content, largest)
        return content


class ZipPackage:
    """An open zip as a package."""

    def __init__(self, opened: zipfile.ZipFile) -> None:
        self.zip = opened
        self.entries = {entry.filename: entry for entry in opened.infolist() if not entry.is_dir()}
        self.budget = LARGEST_PACKAGE

    def names(self) -> list[str]:
        return sorted(self.entries)

    def read(self, name: str, *, largest: int) -> bytes:
        entry = self.entries.get(safe_name(name))
        if entry is None:
            raise PackageError("a file that is named is there")
        if entry.flag_bits & 1:
            raise PackageError("a file is not encrypted")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise PackageError("a file is not a link")
        try:
            with self.zip.open(entry) as stream:
                content = stream.read(largest + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise PackageError(f"a file can be unpacked ({error})") from None
        self.budget = _spent(self.budget, content, largest)
        return content


def _spent(budget: int, content: bytes, largest: int) -> int:
    if len(content) > largest:
        raise PackageError(f"a file has at most {largest:,} bytes, unpacked")
    if len(content) > budget:
        raise PackageError(f"the files of a package have at most {LARGEST_PACKAGE:,} bytes, unpacked")
    return budget - len(content)


def safe_name(href: str) -> str:
    """Return the name of a file in the package from a manifest's href, percent signs undone.

    Raises: PackageError when it leads out of the package or to another place.
    """
    name = unquote(href)
    path = PurePosixPath(name)
    drive = name[1:2] == ":"
    if (
        not name
        or "\\" in name
        or "\0" in name
        or "://" in name
        or drive
        or path.is_absolute()
        or ".." in path.parts
    ):
        raise PackageError("a file lies in the package")
    return path.as_posix()


@contextmanager
def open_package(path: Path) -> Generator[Package]:
    """Open a folder or a zip as a package.

    Raises: DataError when it is neither, is damaged, or holds more than MOST_FILES files.
    """
    if path.is_dir():
        yield FolderPackage(path)
        return
    try:
        opened = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"{path} is not a zip that can be read ({error}): give a QTI package.") from None
    with opened:
        package = ZipPackage(opened)
        if len(package.entries) > MOST_FILES:
            raise DataError(
                f"{path} holds {len(package.entries):,} files: a package has at most {MOST_FILES:,}."
            )
        yield package
