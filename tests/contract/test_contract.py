"""Every model of the registry, binary and graded, against every law; and broken models, which must fail theirs."""

import copy
import functools
import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from contract import broken
from contract.answers import answers_of, learnable_batch
from contract.checks import CHECKS
from knowtrace.domain import FIRST_KNOWN
from knowtrace.models import MODELS, ResponseModel, Sizes, build_model, model_config, search_space

TINY = {
    2: Sizes(num_items=12, num_skills=6, num_categories=2),
    4: Sizes(num_items=12, num_skills=6, num_categories=4),
}

# Trees answer in steps: only small leaves let every single answer show.
SMALL_LEAVES = {"leaf_answers": 3, "num_trees": 60}
WITH_WINDOWS = "best-lr-plus windows"
SETTINGS = {
    "gbdt": SMALL_LEAVES,
    WITH_WINDOWS: {"windows": True},
    "blend": {
        "members": [
            {"name": "dkt", "settings": {}},
            {"name": "best-lr", "settings": {}},
            {"name": "elo", "settings": {}},
        ]
    },
}


def tiny_model(name: str, num_categories: int) -> ResponseModel:
    """Return a model as it stands after some training: items' counts and content known, no weight at its symmetric
    start."""
    torch.manual_seed(7)
    sizes = TINY[num_categories]
    model = build_model(name.partition(" ")[0], sizes, SETTINGS.get(name))
    batch = learnable_batch(sizes)
    counts = torch.zeros(sizes.num_items, num_categories)
    counts.index_put_((batch.items, batch.responses), torch.ones(batch.items.shape), accumulate=True)
    contents = torch.rand(sizes.num_items, 3).round()
    contents[:FIRST_KNOWN] = 0
    model.start_from(replace(answers_of(counts, [batch]), contents=contents))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.Embedding):
                module.weight[1:] += 0.3 * torch.randn_like(module.weight[1:])
    return model


tiny = functools.cache(tiny_model)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("num_categories", TINY)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.xdist_group(f"contract {name}"))
        for name in (*MODELS, WITH_WINDOWS)
    ],
)
def test_model_keeps_the_contract(
    name: str, num_categories: int, check: Callable[[ResponseModel], None]
) -> None:
    check(copy.deepcopy(tiny(name, num_categories)))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_counts_what_it_has_learnt(name: str) -> None:
    assert tiny(name, 2).num_learnt() > 0


@pytest.mark.parametrize("name", MODELS)
def test_every_size_and_every_setting_of_a_search_makes_a_model(name: str) -> None:
    for settings in MODELS[name].presets.values():
        build_model(name, TINY[2], settings)
    space = search_space(name)
    # A stack is made of trained models: it has nothing of its own to search.
    assert bool(space) == (name != "blend")
    for values in itertools.product(*space.values()):
        model_config(name, dict(zip(space, values, strict=True)))


@pytest.mark.parametrize(("model", "check"), broken.CASES, ids=lambda value: getattr(value, "__name__", None))
def test_broken_model_fails(model: type[ResponseModel], check: Callable[[ResponseModel], None]) -> None:
    torch.manual_seed(7)
    with pytest.raises(AssertionError):
        check(model(TINY[2]))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_unbroken_twin_of_the_broken_models_passes(check: Callable[[ResponseModel], None]) -> None:
    torch.manual_seed(7)
    check(broken.Sound(TINY[2]))
