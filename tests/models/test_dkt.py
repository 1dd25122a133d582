"""DKT in both of its forms, and that it can learn by heart."""

from dataclasses import replace

import torch
from contract.answers import batch_of, one_asked
from torch.nn import functional as F

from knowtrace.domain import PADDING, UNSEEN
from knowtrace.models import Batch, Sizes, build_model
from knowtrace.models.layers import scan

SIZES = Sizes(num_items=40, num_skills=9, num_categories=3)
BINARY = Sizes(num_items=40, num_skills=9, num_categories=2)


def random_histories(num_students: int, longest: int, *, seed: int) -> Batch:
    """Return histories of 1 to `longest` answers, one or two skills each, unseen ones among them."""
    rng = torch.Generator().manual_seed(seed)
    shape = (num_students, longest)
    valid = torch.arange(longest) < torch.randint(1, longest + 1, (num_students, 1), generator=rng)
    skills = torch.randint(1, SIZES.num_skills, (*shape, 2), generator=rng)
    skills[..., 1] *= torch.randint(0, 2, shape, generator=rng)
    return batch_of(
        items=torch.randint(1, SIZES.num_items, shape, generator=rng).where(valid, PADDING),
        skills=skills.where(valid.unsqueeze(-1), PADDING),
        responses=torch.randint(0, SIZES.num_categories, shape, generator=rng).where(valid, 0),
        valid=valid,
    )


def test_steps_equal_the_parallel_form_on_1000_random_histories() -> None:
    torch.manual_seed(1)
    model = build_model("dkt", SIZES, {"embedding_dim": 24, "hidden_dim": 24}).eval()
    batch = random_histories(1000, 40, seed=2)
    with torch.no_grad():
        torch.nn.init.normal_(model.get_parameter("thresholds.table.weight"))
        parallel = model(batch).softmax(-1)
        stepped = scan(model, batch)
    assert (parallel - stepped)[batch.valid].abs().max() <= 1e-5


def test_ten_students_are_learnt_by_heart() -> None:
    """Random responses of ten students, without dropout and hidden items: the loss goes to zero."""
    torch.manual_seed(3)
    settings = {"embedding_dim": 32, "hidden_dim": 32, "dropout": 0.0, "hidden_items": 0.0}
    model = build_model("dkt", BINARY, settings).train()
    batch = random_histories(10, 12, seed=4)
    batch.responses.clamp_(max=1)
    # An own first item each: nothing else tells students apart before their first answer.
    batch.items[:, 0] = torch.arange(10) + 2
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    loss = torch.tensor(0.0)
    for _ in range(150):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch)[batch.valid], batch.responses[batch.valid])
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.01


def test_hidden_items_are_hidden_in_training_only() -> None:
    torch.manual_seed(5)
    model = build_model("dkt", SIZES, {"dropout": 0.0, "hidden_items": 1.0})
    batch = random_histories(4, 6, seed=6)
    unseen = replace(batch, items=batch.items.clamp(max=1))
    with torch.no_grad():
        torch.testing.assert_close(model.train()(batch), model.eval()(unseen))
        assert not torch.allclose(model.eval()(batch), model.eval()(unseen))


def test_an_unseen_skill_adds_nothing() -> None:
    """An item whose only skill training never saw is answered as an item without a skill."""
    model = build_model("dkt", BINARY).eval()
    with torch.no_grad():
        unseen, none = (
            model.predict(model.initial_state(), one_asked(5, skill)) for skill in (UNSEEN, PADDING)
        )
    torch.testing.assert_close(unseen, none)
