"""Opening a text file, plain or gzip, and walking its lines without trusting any of them."""

import gzip
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import dropwhile, islice
from pathlib import Path
from typing import TextIO, cast

from knowtrace.errors import DataError

MAX_LINE = 1_000_000
"""Characters of one line that are ever held in memory; a longer line is skipped and reported."""

GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"


@contextmanager
def opened(path: Path) -> Generator[TextIO]:
    """Open a UTF-8 file, plain or gzip (told apart by its first bytes, not by its name).

    Raises: DataError when it is missing, empty, not UTF-8 text, or a gzip file that is damaged.
    """
    try:
        head = first_bytes(path)
        open_file = gzip.open if head.startswith(GZIP) else open
        # Halves of surrogate pairs pass: they cost their own row (`characters.py`), not the file.
        with open_file(path, "rt", encoding="utf-8-sig", errors="surrogatepass") as stream:
            yield cast(TextIO, stream)
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise DataError(
            f"{path.name} holds the byte 0x{byte:02x}, which is not UTF-8: save the file as UTF-8 and read "
            "it again."
        ) from None
    except EOFError:
        raise DataError(f"{path.name} ends amid its gzip data: copy or download it again.") from None
    except (gzip.BadGzipFile, zlib.error):
        raise DataError(f"{path.name} is a damaged gzip file: copy or download it again.") from None


def first_bytes(path: Path) -> bytes:
    """Return the first bytes as stored. Raises: DataError when there are none, or when they are not text."""
    try:
        with path.open("rb") as raw:
            head = raw.read(4096)
    except FileNotFoundError:
        raise DataError(f"There is no file at {path}: check the path.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be opened ({error.strerror}): check its permissions.") from None
    if not head:
        raise DataError(f"{path.name} is empty (0 bytes): give a file that holds answers.")
    if head.startswith(ZIP):
        raise DataError(f"{path.name} is a zip archive: unpack it and give the file inside.")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or (not head.startswith(GZIP) and b"\0" in head):
        raise DataError(f"{path.name} is UTF-16 or binary, not UTF-8 text: save it as UTF-8, read it again.")
    return head


def numbered_lines(stream: TextIO, too_long: Callable[[int, str], None]) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end). A line over MAX_LINE goes to `too_long` instead."""
    for number, line in enumerate(iter(partial(stream.readline, MAX_LINE), ""), 1):
        if line[-1] == "\n":
            yield number, line[:-1]
        elif len(line) < MAX_LINE:
            yield number, line
        else:
            while (rest := stream.readline(MAX_LINE)) and rest[-1] != "\n":
                pass
            too_long(number, line)


def first_lines(path: Path, limit: int) -> list[str]:
    """Return up to `limit` lines from the first that is not blank, to recognise a format by.

    Raises: DataError when the file holds nothing but blank lines.
    """
    with opened(path) as stream:
        walk = (line for _, line in numbered_lines(stream, lambda _number, _line: None))
        lines = list(islice(dropwhile(lambda line: not line.strip(), walk), limit))
    if not lines:
        raise DataError(
            f"{path.name} holds no line of text (of at most {MAX_LINE:,} characters): give a file of answers."
        )
    return lines


def without_suffixes(path: Path) -> str:
    """Return the file's name without .gz and without the ending before it: "u7.csv.gz" gives "u7"."""
    return Path(path.name.removesuffix(".gz")).stem
