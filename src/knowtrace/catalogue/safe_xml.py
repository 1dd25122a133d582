"""XML from strangers: no document type, no entities of its own, bounded in size and depth.

A document type is what entity bombs and external entities need; one is refused before anything it declares is read.
Tags are their local names, whatever their namespace; the attributes of a namespace keep it, as "{uri}name".
"""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

LARGEST_DOCUMENT = 8 * 2**20
DEEPEST = 100
PARSED_AT_ONCE = 2**16


class UnsafeXmlError(Exception):
    """A document that is not read: not well formed, or not safe to read."""


def parse_xml(document: bytes, *, largest: int = LARGEST_DOCUMENT) -> Element:
    """Return the root of a document of at most `largest` bytes.

    Raises: UnsafeXmlError saying what is wrong, with the line, for one that is too large or too deep, has a document
    type, or is not well formed.
    """
    if len(document) > largest:
        raise UnsafeXmlError(f"a document has at most {largest:,} bytes")
    reader = _Reader()
    try:
        for start in range(0, len(document), PARSED_AT_ONCE):
            reader.parser.Parse(document[start : start + PARSED_AT_ONCE], False)
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise UnsafeXmlError(
            f"it is well-formed XML (line {error.lineno}: {expat.ErrorString(error.code)})"
        ) from None
    except (LookupError, ValueError):
        raise UnsafeXmlError("its encoding is one that can be read, as UTF-8") from None
    return reader.builder.close()


class _Reader:
    def __init__(self) -> None:
        self.builder = TreeBuilder()
        self.depth = 0
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self.builder.data

    def _refuse(self, *_: object) -> None:
        raise UnsafeXmlError(f"it has no document type (line {self.parser.CurrentLineNumber})")

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            line = self.parser.CurrentLineNumber
            raise UnsafeXmlError(f"its elements nest at most {DEEPEST} deep (line {line})")
        named = {f"{{{name}" if "}" in name else name: value for name, value in attributes.items()}
        self.builder.start(tag.rpartition("}")[2], named)

    def _end(self, tag: str) -> None:
        self.depth -= 1
        self.builder.end(tag.rpartition("}")[2])
