"""Item banks of every kind, by hand and at random."""

from hypothesis import strategies as st

from knowtrace.catalogue import BankItem, ItemBank, Option
from knowtrace.catalogue.item_bank import NOT_IN_XML, lines_of, one_line
from knowtrace.domain import CatalogueItem

CAPITALS = BankItem(
    item=CatalogueItem(item_id="q1", skill_ids=("capitals", "europe"), category_counts=(3, 5)),
    title="Capital of France",
    text="Which city\nis the capital <of> France & why?",
    response_type="single",
    options=(
        Option(option_id="1", text="Paris"),
        Option(option_id="b", text="Rome,\nItaly"),
        Option(option_id="_x0031_"),
    ),
    key=("1",),
    metadata={"grade": "5", "source; of": "a\\b"},
)
BANK = ItemBank(
    items=(
        CAPITALS,
        BankItem(
            item=CatalogueItem(item_id="=q 2", skill_ids=("sums",), category_counts=()),
            text="2 + 2?",
            response_type="text",
            key=("4", "four"),
        ),
        BankItem(
            item=CatalogueItem(item_id="q3", skill_ids=(), category_counts=()),
            response_type="multiple",
            options=(Option(option_id="a", text="even"), Option(option_id="c", text="prime")),
            key=("a", "c"),
        ),
        BankItem(item=CatalogueItem(item_id="q4", skill_ids=("capitals",), category_counts=(1, 0, 2))),
    ),
    skill_names={"capitals": "Capitals; of the world", "sums": "Sums"},
)

CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"]).filter(lambda c: not NOT_IN_XML.search(c))
LINES = st.text(CHARACTERS | st.sampled_from(";\\'=-+<>&\"_x[]{}, "), min_size=1, max_size=12).map(one_line)
ID = LINES.filter(bool)
TEXT = st.lists(LINES, max_size=3).map("\n".join).map(lines_of)
COUNTS = st.just(()) | st.lists(st.integers(0, 99), min_size=2, max_size=4).map(tuple)


@st.composite
def bank_items(draw: st.DrawFn, item_id: str, *, has_counts: bool = True) -> BankItem:
    kind = draw(st.sampled_from(["single", "multiple", "text", "unknown"]))
    options: tuple[Option, ...] = ()
    key: tuple[str, ...] = ()
    if kind in ("single", "multiple"):
        option_ids = draw(st.lists(ID, min_size=1, max_size=4, unique=True))
        options = tuple(Option(option_id=option_id, text=draw(TEXT)) for option_id in option_ids)
        most = 1 if kind == "single" else len(option_ids)
        key = tuple(draw(st.lists(st.sampled_from(option_ids), max_size=most, unique=True)))
    elif kind == "text":
        key = tuple(draw(st.lists(ID, max_size=3, unique=True)))
    return BankItem(
        item=CatalogueItem(
            item_id=item_id,
            skill_ids=tuple(draw(st.lists(ID, max_size=3, unique=True))),
            category_counts=draw(COUNTS) if has_counts else (),
        ),
        title=draw(LINES.filter(lambda title: title != item_id)),
        text=draw(TEXT),
        response_type=kind,
        options=options,
        key=key,
        metadata=draw(st.dictionaries(ID, ID, max_size=2)),
    )


@st.composite
def item_banks(draw: st.DrawFn, *, has_counts: bool = True) -> ItemBank:
    item_ids = draw(st.lists(ID, max_size=3, unique=True))
    items = tuple(draw(bank_items(item_id, has_counts=has_counts)) for item_id in item_ids)
    skills = sorted({skill for content in items for skill in content.item.skill_ids})
    named = draw(st.lists(st.sampled_from(skills), unique=True)) if skills else []
    return ItemBank(items=items, skill_names={skill: draw(ID) for skill in named})
