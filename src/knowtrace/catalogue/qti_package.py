"""A bank as a QTI 3.0 package: a zip or a folder with `imsmanifest.xml`, or items without one."""

import io
import zipfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote
from xml.etree.ElementTree import Element

from knowtrace.catalogue.csv_rows import write_whole
from knowtrace.catalogue.item_bank import BankItem, ItemBank, one_line
from knowtrace.catalogue.package_files import FolderPackage, Package, PackageError, open_package
from knowtrace.catalogue.problems import Problems
from knowtrace.catalogue.qti_reader import UnsupportedItemError, read_item
from knowtrace.catalogue.qti_writer import ITEM_TYPE, item_href, item_xml, manifest_xml
from knowtrace.catalogue.safe_xml import LARGEST_DOCUMENT, UnsafeXmlError, parse_xml
from knowtrace.errors import DataError

MANIFEST = "imsmanifest.xml"
BASE = "{http://www.w3.org/XML/1998/namespace}base"
LARGEST_MANIFEST = 64 * 2**20
"""It describes every item of the package: some 100,000 of them."""

FIRST_DAY_OF_ZIP = (1980, 1, 1, 0, 0, 0)
"""The same bank gives the same bytes, on any day."""


@dataclass(frozen=True, kw_only=True)
class ReadPackage:
    """A bank, and how often what of its source has no place in one."""

    bank: ItemBank
    left_out: Counter[str]


@dataclass(frozen=True, kw_only=True)
class _Resource:
    """An item's file, and what the manifest says of it; `skills` are (id, name or "")."""

    href: str
    skills: tuple[tuple[str, str], ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()


def write_package(bank: ItemBank, path: Path) -> None:
    """Write a bank as a zip when the path ends in .zip, as a folder otherwise.

    Raises: DataError when it cannot be written, the folder holds something already, or it would be larger than what is
    read again.
    """
    files = {MANIFEST: manifest_xml(bank)}
    files |= {item_href(number): item_xml(content) for number, content in enumerate(bank.items, 1)}
    limits = {name: LARGEST_MANIFEST if name == MANIFEST else LARGEST_DOCUMENT for name in files}
    if too_large := [name for name, content in files.items() if len(content) > limits[name]]:
        raise DataError(
            f"{path} would hold files too large to be read again ({', '.join(too_large[:10])}): split it."
        )
    if path.suffix.lower() == ".zip":
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
            for name, content in files.items():
                package.writestr(zipfile.ZipInfo(name, FIRST_DAY_OF_ZIP), content, zipfile.ZIP_DEFLATED)
        write_whole(path, stream.getvalue())
        return
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise DataError(
            f"{path} is there already and not an empty folder: choose another, or a name with .zip."
        )
    try:
        with TemporaryDirectory(dir=path.parent, prefix=".item-bank-") as place:
            whole = Path(place) / path.name
            (whole / "items").mkdir(parents=True)
            for name, content in files.items():
                (whole / name).write_bytes(content)
            whole.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}): choose another place.") from None


def read_package(path: Path, problems: Problems) -> ReadPackage:
    """Read a package, a folder of items, or one item; what breaks a rule is added to `problems`.

    Raises: DataError when it is none of these.
    """
    if path.is_file() and path.suffix.lower() == ".xml":
        return _read(FolderPackage(path.parent), [_Resource(href=quote(path.name))], problems)
    with open_package(path) as package:
        resources = _resources(package, problems)
        if not resources and not problems:
            raise DataError(f"{path} holds no item of QTI 3 ({ITEM_TYPE}): give a package of items.")
        return _read(package, resources, problems)


def _read(package: Package, resources: list[_Resource], problems: Problems) -> ReadPackage:
    items: list[BankItem] = []
    names: dict[str, str] = {}
    left_out: Counter[str] = Counter()
    for resource in resources:
        root = _parsed(package, resource.href, problems)
        if root is None:
            continue
        try:
            found = read_item(root)
        except UnsupportedItemError as error:
            problems.add(resource.href, error.value, str(error))
            continue
        left_out += found.left_out
        for skill, name in resource.skills:
            if name and names.setdefault(skill, name) != name:
                problems.add(resource.href, name, f"a skill has one name, and {skill} is {names[skill]!r}")
        skill_ids = tuple(skill for skill, _ in resource.skills)
        item = replace(found.content.item, skill_ids=skill_ids)
        items.append(replace(found.content, item=item, metadata=dict(resource.metadata)))
    return ReadPackage(bank=ItemBank(items=tuple(items), skill_names=names), left_out=left_out)


def _parsed(
    package: Package, name: str, problems: Problems, largest: int = LARGEST_DOCUMENT
) -> Element | None:
    try:
        return parse_xml(package.read(name, largest=largest), largest=largest)
    except (PackageError, UnsafeXmlError) as error:
        problems.add(name, "", str(error))
        return None


def _resources(package: Package, problems: Problems) -> list[_Resource]:
    names = package.names()
    if MANIFEST not in names:
        return [_Resource(href=quote(name)) for name in names if name.lower().endswith(".xml")]
    root = _parsed(package, MANIFEST, problems, LARGEST_MANIFEST)
    if root is None:
        return []
    found: list[_Resource] = []
    for group in root.iter("resources"):
        for resource in group.iterfind("resource"):
            kind = resource.get("type", "").lower()
            if kind == ITEM_TYPE:
                bases = (element.get(BASE, "") for element in (root, group, resource))
                found.append(_resource(resource, "".join(bases)))
            elif kind.startswith("imsqti_item"):
                problems.add(resource.get("href", MANIFEST), kind, f"an item is of QTI 3 ({ITEM_TYPE})")
    return found


def _resource(resource: Element, base: str) -> _Resource:
    metadata = resource.find("metadata")
    if metadata is None:
        return _Resource(href=base + resource.get("href", ""))
    skills = {
        one_line(guid.findtext("GUID", "")): one_line(guid.findtext("label", ""))
        for guid in metadata.iterfind("curriculumStandardsMetadataSet//labelledGUID")
    }
    paths = metadata.iterfind("lom/classification/taxonPath")
    named = (
        (one_line(p.findtext("source/string", "")), one_line(p.findtext("taxon/entry/string", "")))
        for p in paths
    )
    return _Resource(
        href=base + resource.get("href", ""),
        skills=tuple((skill, name) for skill, name in skills.items() if skill),
        metadata=tuple((name, value) for name, value in named if name and value),
    )
