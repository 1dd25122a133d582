"""A bank's items as QTI 3.0 (1EdTech, 2022): `qti-assessment-item` documents and the package's manifest.

Standard elements only. Skills are the resource's curriculum standards (GUID: the skill's id, label: its name); metadata
are LOM classifications (source: the name, entry: the value). An option's id that is no QTI identifier is written by the
rule of ISO/IEC 9075-14: "1" is "_x0031_". Answers by category have no place in an item and are left out.
"""

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from knowtrace.catalogue.item_bank import BankItem, ItemBank
from knowtrace.catalogue.qti_text import add_paragraphs, add_text

QTI = "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
QTI_SCHEMA = "https://purl.imsglobal.org/spec/qti/v3p0/schema/xsd/imsqti_asiv3p0_v1p0.xsd"
MANIFEST = "http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1"
MANIFEST_SCHEMA = "https://purl.imsglobal.org/spec/qti/v3p0/schema/xsd/imsqtiv3p0_imscpv1p2_v1p0.xsd"
STANDARDS = "http://www.imsglobal.org/xsd/qti/qtiv3p0/imscsmd_v1p1"
LOM = "http://ltsc.ieee.org/xsd/LOM"
TEMPLATES = "https://purl.imsglobal.org/spec/qti/v3p0/rptemplates"
ITEM_TYPE = "imsqti_item_xmlv3p0"
TOOL = "KnowTrace"
RESPONSE = "RESPONSE"

PLAIN_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
ENCODED = re.compile(r"_x([0-9A-F]{4,6})_")


def item_href(number: int) -> str:
    """Return the name of a package's item file, from 1 on."""
    return f"items/item-{number:06}.xml"


def item_xml(content: BankItem) -> bytes:
    """Return an item as a QTI document."""
    root = Element(
        "qti-assessment-item",
        {
            "xmlns": QTI,
            "xmlns:xsi": XSI,
            "xsi:schemaLocation": f"{QTI} {QTI_SCHEMA}",
            "identifier": content.item.item_id,
            "title": content.title or content.item.item_id,
            "adaptive": "false",
            "time-dependent": "false",
            "tool-name": TOOL,
        },
    )
    if content.response_type != "unknown":
        _declare(root, content)
    body = SubElement(root, "qti-item-body")
    add_paragraphs(body, content.text)
    if content.response_type == "text":
        SubElement(SubElement(body, "p"), "qti-text-entry-interaction", {"response-identifier": RESPONSE})
    elif content.response_type != "unknown":
        _offer(body, content)
    if content.key:
        template = (
            "map_response" if len(content.key) > 1 and content.response_type == "text" else "match_correct"
        )
        SubElement(root, "qti-response-processing", {"template": f"{TEMPLATES}/{template}.xml"})
    return _document(root)


def _declare(root: Element, content: BankItem) -> None:
    is_text = content.response_type == "text"
    declaration = SubElement(
        root,
        "qti-response-declaration",
        {
            "identifier": RESPONSE,
            "cardinality": "multiple" if content.response_type == "multiple" else "single",
            "base-type": "string" if is_text else "identifier",
        },
    )
    if content.key:
        correct = SubElement(declaration, "qti-correct-response")
        for key in content.key[:1] if is_text else content.key:
            SubElement(correct, "qti-value").text = key if is_text else identifier_of(key)
    if is_text and len(content.key) > 1:
        mapping = SubElement(declaration, "qti-mapping", {"upper-bound": "1", "default-value": "0"})
        for key in content.key:
            SubElement(
                mapping, "qti-map-entry", {"map-key": key, "mapped-value": "1", "case-sensitive": "true"}
            )
    SubElement(
        root,
        "qti-outcome-declaration",
        {"identifier": "SCORE", "cardinality": "single", "base-type": "float"},
    )


def _offer(body: Element, content: BankItem) -> None:
    interaction = SubElement(
        body,
        "qti-choice-interaction",
        {
            "response-identifier": RESPONSE,
            "shuffle": "false",
            "max-choices": "1" if content.response_type == "single" else "0",
        },
    )
    for option in content.options:
        choice = SubElement(interaction, "qti-simple-choice", {"identifier": identifier_of(option.option_id)})
        add_text(choice, option.text)


def manifest_xml(bank: ItemBank) -> bytes:
    """Return the manifest of a package: its items, their files, skills and metadata."""
    root = Element(
        "manifest",
        {
            "xmlns": MANIFEST,
            "xmlns:xsi": XSI,
            "xsi:schemaLocation": f"{MANIFEST} {MANIFEST_SCHEMA}",
            "identifier": "item-bank",
        },
    )
    metadata = SubElement(root, "metadata")
    SubElement(metadata, "schema").text = "QTI Item Bank"
    SubElement(metadata, "schemaversion").text = "3.0.0"
    SubElement(root, "organizations")
    resources = SubElement(root, "resources")
    for number, content in enumerate(bank.items, 1):
        href = item_href(number)
        resource = SubElement(
            resources, "resource", {"identifier": f"item-{number:06}", "type": ITEM_TYPE, "href": href}
        )
        if content.item.skill_ids or content.metadata:
            _describe(SubElement(resource, "metadata"), content, bank)
        SubElement(resource, "file", {"href": href})
    return _document(root, is_indented=False)


def _describe(metadata: Element, content: BankItem, bank: ItemBank) -> None:
    if content.item.skill_ids:
        standards = SubElement(metadata, "curriculumStandardsMetadataSet", {"xmlns": STANDARDS})
        provider = SubElement(standards, "curriculumStandardsMetadata", {"providerId": TOOL})
        guids = SubElement(provider, "setOfGUIDs")
        for skill in content.item.skill_ids:
            labelled = SubElement(guids, "labelledGUID")
            if skill in bank.skill_names:
                SubElement(labelled, "label").text = bank.skill_names[skill]
            SubElement(labelled, "GUID").text = skill
    if content.metadata:
        lom = SubElement(metadata, "lom", {"xmlns": LOM})
        for name, value in content.metadata.items():
            path = SubElement(SubElement(lom, "classification"), "taxonPath")
            SubElement(SubElement(path, "source"), "string").text = name
            SubElement(SubElement(SubElement(path, "taxon"), "entry"), "string").text = value


def identifier_of(option_id: str) -> str:
    """Return an option's id as a QTI identifier: letters, digits, "_", "-" and ".", not a digit first."""
    text = re.sub(r"_(?=x[0-9A-F]{4,6}_)", "_x005F_", option_id)
    if PLAIN_IDENTIFIER.fullmatch(text):
        return text
    return "".join(
        character
        if re.match(r"[A-Za-z_]" if place == 0 else r"[A-Za-z0-9_.-]", character)
        else f"_x{ord(character):04X}_"
        for place, character in enumerate(text)
    )


def option_id_of(identifier: str) -> str:
    """Return the option's id that `identifier_of` wrote."""
    return ENCODED.sub(lambda match: chr(int(match[1], 16)), identifier)


def _document(root: Element, *, is_indented: bool = True) -> bytes:
    if is_indented:
        indent(root)
    return tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
