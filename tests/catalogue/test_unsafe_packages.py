"""Packages and XML that mean harm, or are damaged."""

import stat
import zipfile
from pathlib import Path

import pytest

from catalogue.test_qti import CHOICE, MANIFEST, package
from knowtrace.catalogue import read_bank
from knowtrace.catalogue.package_files import PackageError, safe_name
from knowtrace.catalogue.safe_xml import DEEPEST, LARGEST_DOCUMENT, UnsafeXmlError, parse_xml
from knowtrace.errors import DataError

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><l>&c;</l>'
)
OUTSIDE = b'<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>'


@pytest.mark.parametrize(
    "document",
    [BOMB, OUTSIDE, b'<!DOCTYPE l SYSTEM "http://example.org/l.dtd"><l/>', BOMB.decode().encode("utf-16")],
    ids=["bomb", "external entity", "external subset", "bomb in UTF-16"],
)
def test_a_document_type_is_refused(document: bytes) -> None:
    with pytest.raises(UnsafeXmlError, match="it has no document type"):
        parse_xml(document)


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        (b"<a>" * (DEEPEST + 1), "nest at most 100 deep"),
        (b"<a>" + b" " * LARGEST_DOCUMENT + b"</a>", "at most 8,388,608 bytes"),
        (b"<a><b></a>", "well-formed XML"),
        (b"", "well-formed XML"),
        (b"<a>&nbsp;</a>", "well-formed XML"),
        (b"<p:a/>", "well-formed XML"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "well-formed XML|encoding"),
        (b"\x00\x01\x02", "well-formed XML"),
    ],
)
def test_what_is_no_safe_document_is_refused(document: bytes, rule: str) -> None:
    with pytest.raises(UnsafeXmlError, match=rule):
        parse_xml(document)


def test_namespaces_go_and_their_attributes_stay_apart() -> None:
    root = parse_xml(b'<x:a xmlns:x="u" x:n="1" n="2" xml:base="b">t<x:b/>u</x:a>')
    assert (root.tag, root.attrib["{u}n"], root.attrib["n"], root[0].tag, root[0].tail) == (
        "a",
        "1",
        "2",
        "b",
        "u",
    )
    assert root.attrib["{http://www.w3.org/XML/1998/namespace}base"] == "b"


@pytest.mark.parametrize(
    "href",
    [
        "../x.xml",
        "a/../../x",
        "/etc/passwd",
        "C:/x",
        "a\\b",
        "http://e.org/x",
        "file:///etc/passwd",
        "%2e%2e/x",
        "",
        "a\0",
    ],
)
def test_a_name_that_leads_out_of_the_package_is_refused(href: str) -> None:
    with pytest.raises(PackageError, match="a file lies in the package"):
        safe_name(href)


def test_names_within_the_package_are_kept() -> None:
    assert [safe_name(href) for href in ("a.xml", "./a/b.xml", "a%20b.xml")] == [
        "a.xml",
        "a/b.xml",
        "a b.xml",
    ]


def test_zip_slip_links_bombs_and_missing_files_are_named_at_once(tmp_path: Path) -> None:
    names = ("../out.xml", "link.xml", "big.xml", "gone.xml", "entity.xml")
    resources = "".join(
        f'<resource identifier="r{n}" type="imsqti_item_xmlv3p0" href="{name}"/>'
        for n, name in enumerate(names)
    )
    manifest = f"<manifest><resources>{resources}</resources></manifest>"
    path = package(
        tmp_path,
        {
            "imsmanifest.xml": manifest,
            "../out.xml": CHOICE,
            "big.xml": b" " * (50 * 2**20),
            "entity.xml": BOMB,
        },
    )
    assert path.stat().st_size < 100_000
    link = zipfile.ZipInfo("link.xml")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as opened:
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(DataError) as error:
        read_bank(path)
    for part in (
        "5 problems",
        "../out.xml, '': a file lies in the package",
        "link.xml, '': a file is not a link",
        "big.xml, '': a file has at most 8,388,608 bytes, unpacked",
        "gone.xml, '': a file that is named is there",
        "entity.xml, '': it has no document type",
    ):
        assert part in str(error.value)


def test_a_link_out_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.xml").write_text(CHOICE)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "item.xml").symlink_to(tmp_path / "secret.xml")
    with pytest.raises(DataError, match=r"item\.xml, '': a file lies in the package"):
        read_bank(folder)


def test_a_damaged_or_encrypted_entry_is_named(tmp_path: Path) -> None:
    path = package(tmp_path, {"imsmanifest.xml": MANIFEST, "items/sign one.xml": CHOICE})
    content = bytearray(path.read_bytes())
    start = content.index(b"items/sign one.xml") + len("items/sign one.xml")
    content[start + 40 : start + 60] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"sign%20one\.xml, '': a file can be unpacked"):
        read_bank(path)
    content = bytearray(package(tmp_path, {"item.xml": CHOICE}).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"item\.xml, '': a file is not encrypted"):
        read_bank(path)


def test_a_package_as_a_whole_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = package(tmp_path, {f"{n}.xml": CHOICE for n in range(3)})
    monkeypatch.setattr("knowtrace.catalogue.package_files.LARGEST_PACKAGE", 2 * len(CHOICE))
    with pytest.raises(DataError, match=r"2\.xml, '': the files of a package have at most"):
        read_bank(path)
    monkeypatch.setattr("knowtrace.catalogue.package_files.MOST_FILES", 2)
    with pytest.raises(DataError, match="holds 3 files: a package has at most 2"):
        read_bank(path)
