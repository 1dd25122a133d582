"""The JSON values of a file, one by one, whether it is one array or one value after the other (JSON lines)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from knowtrace.errors import DataError
from knowtrace.sources.lines import opened
from knowtrace.sources.records import Reject

CHUNK = 1 << 20
MAX_VALUE = 1 << 26
"""Characters of one value that are ever held: an envelope of 64 MiB is no letter any more."""

NEARLY_AT_END = 16
"""An error this close to the end of what was read may only mean that the value goes on."""

NO_JSON = "a line holds JSON"
TOO_LARGE = (
    f"a JSON value holds at most {MAX_VALUE:,} characters: give one statement or event a line, or an array"
)


class _TooLargeError(ValueError):
    """A value that is not held: it may be sound, but where it ends was not looked for."""


def starts_as_json(path: Path) -> bool:
    """Return whether the first character that is no space opens a JSON array or object."""
    with opened(path) as stream:
        return stream.read(CHUNK).lstrip()[:1] in ("[", "{")


def json_values(path: Path, reject: Reject) -> Iterator[tuple[int, object]]:
    """Yield (line it starts at, value): the elements of a top array, or values that follow one another.

    Where values follow one another, a line that is no JSON is rejected and the next one read. In an array,
    nothing can be read beyond an error, nor beyond a value over several lines that is larger than MAX_VALUE.
    Raises: DataError when an array is cut off, is no JSON or holds such a value, naming the line.
    """
    with opened(path) as stream:
        scan = _Scan(stream)
        is_array = scan.skip() == "["
        if is_array:
            scan.pos += 1
        while (char := scan.skip()) and not (is_array and char == "]"):
            line = scan.line
            try:
                value = scan.value()
            except _TooLargeError:
                if is_array or scan.goes_on_in_another_line():
                    raise DataError(
                        f"{path.name} holds, from line {line} on, a value that does not end in time: {TOO_LARGE}."
                    ) from None
                reject(line, "", scan.rest_of_line(), TOO_LARGE)
                continue
            except (ValueError, RecursionError) as error:
                if is_array:
                    what = "ends amid its JSON" if scan.at_end else "is no JSON"
                    raise DataError(
                        f"{path.name} {what} (the value at line {line}: {str(error)[:80]}): export it again."
                    ) from None
                reject(line, "", scan.rest_of_line(), NO_JSON)
                continue
            yield line, value
            if is_array and scan.skip() == ",":
                scan.pos += 1
        if is_array and not char:
            raise DataError(f"{path.name} ends amid its JSON (its array is never closed): export it again.")


class _Scan:
    """A place in a stream of JSON; what lies behind it is let go."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.text = stream.read(CHUNK)
        self.at_end = len(self.text) < CHUNK
        self.pos = 0
        self.counted = 0
        self.lines_counted = 1
        self.decoder = json.JSONDecoder()

    @property
    def line(self) -> int:
        self.lines_counted += self.text.count("\n", self.counted, self.pos)
        self.counted = self.pos
        return self.lines_counted

    def skip(self) -> str:
        """Go to the next character that is no space and return it; "" at the end."""
        while True:
            while self.pos < len(self.text) and self.text[self.pos] in " \t\r\n":
                self.pos += 1
            if self.pos < len(self.text):
                return self.text[self.pos]
            if not self._read_on():
                return ""

    def value(self) -> object:
        """Return the value here and go behind it. Raises: ValueError, RecursionError; _TooLargeError when it does not
        end within MAX_VALUE characters."""
        while True:
            try:
                value: object
                value, self.pos = self.decoder.raw_decode(self.text, self.pos)
            except json.JSONDecodeError as error:
                may_go_on = error.pos >= len(self.text) - NEARLY_AT_END or "Unterminated" in error.msg
                if not may_go_on or self.at_end:
                    raise
                if len(self.text) - self.pos >= MAX_VALUE:
                    raise _TooLargeError from None
                self._read_on()
            else:
                return value

    def goes_on_in_another_line(self) -> bool:
        """Whether the value here, as far as it was read, is spread over lines."""
        return "\n" in self.text[self.pos :]

    def rest_of_line(self) -> str:
        """Go behind this line and return what was left of it, its first part when it is long."""
        rest = ""
        while (end := self.text.find("\n", self.pos)) < 0:
            rest = rest or self.text[self.pos : self.pos + CHUNK]
            self.pos = len(self.text)
            if not self._read_on():
                return rest
        rest, self.pos = rest or self.text[self.pos : end], end
        return rest

    def _read_on(self) -> bool:
        """Read at least as much again as is held; return whether there was more."""
        if self.at_end:
            return False
        self.lines_counted = self.line
        kept = self.text[self.pos :]
        more = self.stream.read(max(CHUNK, len(kept)))
        self.at_end = not more
        self.text, self.pos, self.counted = kept + more, 0, 0
        return bool(more)
