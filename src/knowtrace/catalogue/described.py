"""The items of a bank as words: what a model can learn from to say how hard an item is that nobody answered."""

import re
from collections.abc import Iterable

from knowtrace.catalogue.item_bank import BankItem, ItemBank
from knowtrace.domain import DescribedItem

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_]+")
"""Letters and digits that stand together; of scripts that are written without spaces, each character."""


def described(bank: ItemBank) -> dict[str, DescribedItem]:
    """Return every item of a bank by its id, with the words of title, text, options, skills and metadata.

    The length of the text, how the item is answered and among how many options are words too. The key is none: which
    option is right says nothing that an item has in common with others.
    """
    return {
        content.item.item_id: DescribedItem(
            item_id=content.item.item_id,
            skill_ids=content.item.skill_ids,
            words=tuple(_words(content)),
        )
        for content in bank.items
    }


def _words(content: BankItem) -> Iterable[str]:
    text = f"{content.title}\n{content.text}"
    found = WORD.findall(text.casefold())
    yield from found
    for option in content.options:
        yield from (f"option:{word}" for word in WORD.findall(option.text.casefold()))
    yield from (f"skill:{skill_id}" for skill_id in content.item.skill_ids)
    yield from (f"{name}={value}" for name, value in content.metadata.items())
    yield f"type:{content.response_type}"
    yield f"options:{len(content.options)}"
    # Doubling classes: of 40 words and 45 it is much the same.
    yield f"length:{len(found).bit_length()}"
