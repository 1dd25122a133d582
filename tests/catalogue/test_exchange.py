"""Banks go out and come back as they were, in every format; what breaks a rule is named."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.banks import BANK, CAPITALS, ID, item_banks
from knowtrace.catalogue import BankItem, ItemBank, Option, bank_of, read_bank, write_bank
from knowtrace.catalogue.csv_rows import joined, parted
from knowtrace.catalogue.qti_writer import manifest_xml
from knowtrace.catalogue.safe_xml import LARGEST_DOCUMENT
from knowtrace.domain import CatalogueItem, Vocabulary
from knowtrace.errors import DataError


def without_counts(bank: ItemBank) -> ItemBank:
    return replace(
        bank,
        items=tuple(replace(one, item=replace(one.item, category_counts=())) for one in bank.items),
    )


def there_and_back(bank: ItemBank, name: str) -> ItemBank:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_bank(bank, path)
        return read_bank(path).bank


@pytest.mark.parametrize("name", ["bank.json", "bank.csv"])
def test_json_and_csv_lose_nothing(name: str) -> None:
    assert there_and_back(BANK, name) == BANK


@pytest.mark.parametrize("name", ["bank.zip", "folder"])
def test_qti_loses_the_counts_and_says_so(name: str, tmp_path: Path) -> None:
    left_out = write_bank(BANK, tmp_path / name)
    assert left_out == {"category counts of items": 2}
    found = read_bank(tmp_path / name)
    assert found.bank == without_counts(BANK)
    assert not found.left_out


@settings(max_examples=40, deadline=None)
@given(item_banks(), st.sampled_from(["bank.json", "bank.csv"]))
def test_any_bank_comes_back_from_json_and_csv(bank: ItemBank, name: str) -> None:
    assert there_and_back(bank, name) == bank


@settings(max_examples=40, deadline=None)
@given(item_banks(has_counts=False))
def test_any_bank_comes_back_from_qti(bank: ItemBank) -> None:
    if bank.items:
        assert there_and_back(bank, "bank.zip") == bank


@given(st.lists(ID, max_size=4))
def test_values_of_a_cell_come_apart_as_they_were_joined(values: list[str]) -> None:
    assert parted(joined(values)) == tuple(values)


def test_the_same_bank_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write_bank(BANK, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_model_knows_ids_skills_and_answers() -> None:
    item = CatalogueItem(item_id="i", skill_ids=("a",), category_counts=(1, 2))
    vocabulary = Vocabulary(
        items=(item,),
        skill_ids=("a", "b"),
        num_categories=2,
        skill_names={"a": " Adding  up ", "b": "Unused"},
    )
    assert bank_of(vocabulary) == ItemBank(items=(BankItem(item=item),), skill_names={"a": "Adding up"})


def test_everything_that_breaks_a_rule_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    bad = ItemBank(
        items=(
            CAPITALS,
            replace(CAPITALS, key=("1", "z"), title="q1", text="  two  spaces ", metadata={"grade": ""}),
            BankItem(
                item=CatalogueItem(item_id="q9", skill_ids=("a", "a"), category_counts=(1, -1)),
                options=(Option(option_id="a"),),
                key=("a",),
                text="bell \x07",
            ),
            BankItem(
                item=CatalogueItem(item_id="", skill_ids=(), category_counts=()), response_type="single"
            ),
        ),
        skill_names={"ghost": "Nobody"},
    )
    with pytest.raises(DataError) as error:
        write_bank(bad, tmp_path / "bank.json")
    for part in (
        "item 2, 'q1': an id stands once, and item 1 has it",
        "item q1, key, 'z': the key names options of the item",
        "item q1, key, '1, z': a single response has one right option",
        "item q1, title, 'q1'",
        "item q1, text, '  two  spaces '",
        "item q1, metadata grade, ''",
        "item q9, skill_ids, 'a': each stands once",
        "item q9, category_counts, '[1, -1]'",
        "item q9, options, 'a': a response of type unknown has no options",
        "item q9, key, 'a'",
        "item q9, text, 'bell \\x07'",
        "item 4, item_id, ''",
        "item 4, options, '': a single response has options",
        "skills, 'ghost': a named skill is one of some item",
    ):
        assert part in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_small_table_of_a_school_is_a_bank(tmp_path: Path) -> None:
    path = tmp_path / "school.csv"
    path.write_text('item_id,text,skills,room\n 12 ,"What  is\n\n 2 + 2?",sums;adding,B3\n')
    (content,) = read_bank(path).bank.items
    assert content.item == CatalogueItem(item_id="12", skill_ids=("sums", "adding"), category_counts=())
    assert content.text == "What is\n\n2 + 2?"


def test_bad_cells_of_a_table_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "school.csv"
    path.write_text(
        "item_id,response_type,options,skills,skill_names,category_counts\n"
        'a,essay,"[1]",s,One,1;x\n'
        "b,unknown,{,s,Two;Three,\n"
        'c,single,"{""a"": ""x"", ""a"": ""y""}",,,\n'
        f'd,unknown,"{"[" * 60_000}",,,\n'
    )
    with pytest.raises(DataError) as error:
        read_bank(path)
    for part in (
        "has 8 problems",
        "line 2, response_type, 'essay'",
        "line 2, options, '[1]': this is a JSON object of texts",
        "line 2, category_counts, '1;x'",
        "line 3, options, '{'",
        "each name stands once",
        "line 5, options, '[[[",
        "line 3, skill_names, 'Two': a skill has one name, and s is 'One'",
        "line 3, skill_names, 'Two;Three': there are no more names than skills",
    ):
        assert part in str(error.value)


def test_json_of_another_shape_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bank.json"
    content = {
        "format": "knowtrace-item-bank",
        "version": 1,
        "items": [{"item_id": 7, "colour": "red"}, {"text": "x"}],
    }
    path.write_text(json.dumps(content))
    with pytest.raises(
        DataError, match=r"3 problems: items\.0\.item_id, '7'.*items\.0\.colour, 'red'.*items\.1\.item_id"
    ):
        read_bank(path)
    path.write_text(json.dumps({**content, "items": [], "version": 2}))
    with pytest.raises(DataError, match="they are knowtrace-item-bank, 1"):
        read_bank(path)
    path.write_text("[" * 100_000)
    with pytest.raises(DataError, match="1 problem"):
        read_bank(path)


@pytest.mark.parametrize("name", ["missing.json", "bank.docx", "bank.zip", "empty"])
def test_what_is_no_bank_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "bank.docx").write_text("x")
    (tmp_path / "bank.zip").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"is not there|is no form|is not a zip|holds no item"):
        read_bank(tmp_path / name)


def test_a_folder_that_holds_something_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(DataError, match="not an empty folder"):
        write_bank(BANK, tmp_path)
    with pytest.raises(DataError, match="is no form of an item bank that is written"):
        write_bank(BANK, tmp_path / "bank.docx")
    with pytest.raises(DataError, match="cannot be written"):
        write_bank(BANK, tmp_path / "no" / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_package_too_large_to_be_read_again_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knowtrace.catalogue.qti_package.LARGEST_MANIFEST", 1_000)
    with pytest.raises(DataError, match=r"too large to be read again \(imsmanifest\.xml\): split it"):
        write_bank(BANK, tmp_path / "bank.zip")
    assert not list(tmp_path.iterdir())


def test_a_manifest_may_be_larger_than_an_item() -> None:
    plain = BankItem(
        item=CatalogueItem(item_id="", skill_ids=(), category_counts=()), metadata={"source": "x" * 200_000}
    )
    items = [replace(plain, item=replace(plain.item, item_id=f"q{n}")) for n in range(50)]
    bank = ItemBank(items=tuple(items))
    assert len(manifest_xml(bank)) > LARGEST_DOCUMENT
    assert there_and_back(bank, "bank.zip") == bank
