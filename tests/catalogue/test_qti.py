"""QTI 3 of others: what is read, what is said to be left out, and what is refused."""

import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from catalogue.banks import BANK
from knowtrace.catalogue import read_bank, write_bank
from knowtrace.catalogue.qti_writer import identifier_of, item_xml, manifest_xml, option_id_of
from knowtrace.errors import DataError

QTI = 'xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0"'
CHOICE = f"""<?xml version="1.0" encoding="UTF-8"?>
<qti-assessment-item {QTI} identifier="choice" title="Unattended Luggage" adaptive="false" time-dependent="false">
  <qti-response-declaration identifier="RESPONSE" cardinality="single" base-type="identifier">
    <qti-correct-response><qti-value>ChoiceA</qti-value></qti-correct-response>
  </qti-response-declaration>
  <qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>
  <qti-item-body>
    <p>Look at the   text
       in the <b>picture</b>.</p>
    <p><img src="sign.png" alt="NEVER LEAVE LUGGAGE UNATTENDED"/></p>
    <qti-choice-interaction response-identifier="RESPONSE" shuffle="false" max-choices="1">
      <qti-prompt>What does it say?</qti-prompt>
      <qti-simple-choice identifier="ChoiceA">You must stay with your luggage.</qti-simple-choice>
      <qti-simple-choice identifier="_x0031_"><p>Do not let</p><p>someone look.</p>
        <qti-feedback-inline identifier="f" outcome-identifier="F" show-hide="show">No.</qti-feedback-inline>
      </qti-simple-choice>
    </qti-choice-interaction>
  </qti-item-body>
  <qti-response-processing template="https://purl.imsglobal.org/spec/qti/v3p0/rptemplates/match_correct.xml"/>
</qti-assessment-item>"""
MANIFEST = """<?xml version="1.0"?>
<manifest xmlns="http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1" identifier="m">
  <metadata><schema>QTI Package</schema><schemaversion>3.0.0</schemaversion></metadata><organizations/>
  <resources xml:base="items/">
    <resource identifier="r1" type="imsqti_item_xmlv3p0" href="sign%20one.xml">
      <metadata>
        <curriculumStandardsMetadataSet xmlns="http://www.imsglobal.org/xsd/qti/qtiv3p0/imscsmd_v1p1">
          <curriculumStandardsMetadata providerId="x"><setOfGUIDs>
            <labelledGUID><label>Reading</label><GUID>7E80697A</GUID></labelledGUID>
            <labelledGUID><GUID>7E80697B</GUID></labelledGUID>
          </setOfGUIDs></curriculumStandardsMetadata>
        </curriculumStandardsMetadataSet>
      </metadata>
      <file href="sign%20one.xml"/>
    </resource>
    <resource identifier="t" type="imsqti_test_xmlv3p0" href="test.xml"><file href="test.xml"/></resource>
  </resources>
</manifest>"""


def package(tmp_path: Path, files: dict[str, str | bytes], name: str = "school.zip") -> Path:
    path = tmp_path / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for file, content in files.items():
            opened.writestr(file, content)
    return path


def text_item(declaration: str, attributes: str = 'cardinality="single" base-type="string"') -> str:
    return (
        f'<qti-assessment-item {QTI} identifier="t" title="t"><qti-response-declaration identifier="R" {attributes}>'
        f"{declaration}</qti-response-declaration><qti-item-body><p>2 + 2 = "
        '<qti-text-entry-interaction response-identifier="R"/>!</p></qti-item-body></qti-assessment-item>'
    )


def test_a_choice_of_another_system_is_read_with_its_skills(tmp_path: Path) -> None:
    found = read_bank(package(tmp_path, {"imsmanifest.xml": MANIFEST, "items/sign one.xml": CHOICE}))
    (content,) = found.bank.items
    assert content.item.item_id == "choice"
    assert content.item.skill_ids == ("7E80697A", "7E80697B")
    assert found.bank.skill_names == {"7E80697A": "Reading"}
    assert content.title == "Unattended Luggage"
    assert (
        content.text == "Look at the text in the picture.\nNEVER LEAVE LUGGAGE UNATTENDED\nWhat does it say?"
    )
    assert [option.option_id for option in content.options] == ["ChoiceA", "_x0031_"]
    assert content.options[1].text == "Do not let\nsomeone look."
    assert (content.response_type, content.key) == ("single", ("ChoiceA",))
    assert found.left_out == {"img": 1, "qti-feedback-inline": 1}


def test_items_are_read_without_a_manifest_and_alone(tmp_path: Path) -> None:
    (tmp_path / "a b%.xml").write_text(CHOICE)
    (tmp_path / "notes.txt").write_text("not read")
    for path in (tmp_path, tmp_path / "a b%.xml"):
        assert [content.item.item_id for content in read_bank(path).bank.items] == ["choice"]


def test_a_typed_text_has_the_texts_its_mapping_gives_credit(tmp_path: Path) -> None:
    path = tmp_path / "item.xml"
    entries = '<qti-map-entry map-key="four" mapped-value="1"/><qti-map-entry map-key="5" mapped-value="0"/>'
    half = '<qti-map-entry map-key="about 4" mapped-value="0.5"/>'
    path.write_text(
        text_item(
            f"<qti-correct-response><qti-value>4</qti-value></qti-correct-response><qti-mapping>{entries}{half}</qti-mapping>"
        )
    )
    found = read_bank(path)
    (content,) = found.bank.items
    assert (content.response_type, content.key, content.text) == (
        "text",
        ("4", "four", "about 4"),
        "2 + 2 = !",
    )
    assert found.left_out == {"partial credit of qti-map-entry": 1}


def test_what_a_bank_cannot_hold_is_named_at_once(tmp_path: Path) -> None:
    files = {
        "a.xml": CHOICE.replace("qti-choice-interaction", "qti-order-interaction"),
        "b.xml": '<assessmentItem xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" identifier="old"/>',
        "c.xml": CHOICE.replace('response-identifier="RESPONSE"', 'response-identifier="OTHER"'),
        "d.xml": CHOICE.replace("<qti-value>ChoiceA", "<qti-value>ChoiceZ"),
        "e.xml": text_item("<qti-mapping><qti-map-entry map-key='x' mapped-value='much'/></qti-mapping>"),
        "f.xml": text_item("", 'cardinality="record"'),
        "g.xml": f'<qti-assessment-item {QTI} identifier="g"/>',
        "h.xml": text_item("").replace(
            "!</p>", '!</p><p><qti-text-entry-interaction response-identifier="R"/></p>'
        ),
        "i.xml": "<qti-assessment-item",
    }
    with pytest.raises(DataError) as error:
        read_bank(package(tmp_path, files))
    for part in (
        "school.zip has 9 problems",
        "a.xml, 'qti-order-interaction': an item asks by",
        "b.xml, 'assessmentItem': an item is a qti-assessment-item of QTI 3",
        "c.xml, 'OTHER'",
        "item choice, key, 'ChoiceZ': the key names options of the item",
        "e.xml, 'much': a mapped-value is a number",
        "f.xml, 'record': a typed text has cardinality single",
        "g.xml, '': an item has a qti-item-body",
        "h.xml, '2 interactions': an item asks once",
        "i.xml, '': it is well-formed XML (line 1",
    ):
        assert part in str(error.value)


def test_an_older_package_is_refused_by_its_manifest(tmp_path: Path) -> None:
    old = MANIFEST.replace("imsqti_item_xmlv3p0", "imsqti_item_xmlv2p1")
    with pytest.raises(DataError, match=r"'imsqti_item_xmlv2p1': an item is of QTI 3"):
        read_bank(package(tmp_path, {"imsmanifest.xml": old}))


def test_what_is_written_is_qti_of_standard_names(tmp_path: Path) -> None:
    """Names, order and vocabulary of imsqti_asiv3p0 and imsqtiv3p0_imscpv1p2 (1EdTech, 2022)."""
    item = ElementTree.fromstring(item_xml(BANK.items[1]))
    names = {"q": "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"}
    assert item.tag == "{http://www.imsglobal.org/xsd/imsqtiasi_v3p0}qti-assessment-item"
    assert [child.tag.partition("}")[2] for child in item] == [
        "qti-response-declaration", "qti-outcome-declaration", "qti-item-body", "qti-response-processing",
    ]  # fmt: skip
    assert item.find(".//q:qti-map-entry", names).get("map-key") == "4"
    assert (
        item.find("q:qti-response-processing", names).get("template").endswith("rptemplates/map_response.xml")
    )
    manifest = ElementTree.fromstring(manifest_xml(BANK))
    cp = "{http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1}"
    assert [child.tag for child in manifest] == [f"{cp}metadata", f"{cp}organizations", f"{cp}resources"]
    assert manifest.findtext(f"{cp}metadata/{cp}schema") == "QTI Item Bank"
    resources = manifest.findall(f"{cp}resources/{cp}resource")
    assert {resource.get("type") for resource in resources} == {"imsqti_item_xmlv3p0"}
    write_bank(BANK, tmp_path / "folder")
    for resource in resources:
        assert (tmp_path / "folder" / resource.get("href")).is_file()


def test_option_ids_become_identifiers_by_the_rule_of_iso_9075_14() -> None:
    assert identifier_of("1") == "_x0031_"
    assert identifier_of("a b") == "a_x0020_b"
    assert identifier_of("_x0031_") == "_x005F_x0031_"
    assert identifier_of("A-1.b_c") == "A-1.b_c"
    for option_id in ("1", "a b", "_x0031_", "_x005F_x0031_", "é", "\U0001f600", "-", "__x0041__"):
        assert option_id_of(identifier_of(option_id)) == option_id
