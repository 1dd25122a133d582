"""Items of a bank as words."""

from hypothesis import given, settings

from catalogue.banks import BANK, CAPITALS, item_banks
from knowtrace.catalogue import BankItem, ItemBank, described
from knowtrace.domain import CatalogueItem


def test_every_part_of_an_item_but_its_key_is_words() -> None:
    found = described(ItemBank(items=(CAPITALS,)))["q1"]
    assert found.skill_ids == ("capitals", "europe")
    text = "capital of france which city is the capital of france why"
    assert found.words == (
        *text.split(),
        "option:paris",
        "option:rome",
        "option:italy",
        "skill:capitals",
        "skill:europe",
        "grade=5",
        "source; of=a\\b",
        "type:single",
        "options:3",
        "length:4",
    )


def test_scripts_without_spaces_are_read_character_by_character() -> None:
    item = CatalogueItem(item_id="q", skill_ids=(), category_counts=())
    bank = ItemBank(items=(BankItem(item=item, text="求 x2 的導数 déjà_vu"),))
    assert described(bank)["q"].words[:8] == ("求", "x2", "的", "導", "数", "déjà", "vu", "type:unknown")


@settings(max_examples=30, deadline=None)
@given(item_banks())
def test_any_bank_is_described_item_by_item(bank: ItemBank) -> None:
    found = described(bank)
    assert list(found) == [content.item.item_id for content in bank.items]
    assert all(item.words for item in found.values())


def test_the_key_says_nothing() -> None:
    assert all("four" not in item.words for item in described(BANK).values())
