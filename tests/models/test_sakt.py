"""What SAKT says its predictions rest on."""

from dataclasses import replace

import torch
from contract.answers import batch_of
from torch import Tensor

from knowtrace.models import Batch, Sizes, build_model
from knowtrace.models.attention import top_influences
from knowtrace.models.sakt import SAKT

SIZES = Sizes(num_items=30, num_skills=7, num_categories=2)
WINDOW, STEPS = 6, 15


def trained_like() -> SAKT:
    """Return a model whose weights are no longer at their start, with a window shorter than the histories."""
    torch.manual_seed(2)
    model = build_model("sakt", SIZES, {"width": 16, "heads": 2, "window": WINDOW}).eval()
    assert isinstance(model, SAKT)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def histories(seed: int) -> Batch:
    rng = torch.Generator().manual_seed(seed)
    return batch_of(
        items=torch.randint(1, SIZES.num_items, (3, STEPS), generator=rng),
        skills=torch.randint(1, SIZES.num_skills, (3, STEPS, 1), generator=rng),
        responses=torch.randint(0, 2, (3, STEPS), generator=rng),
    )


def test_influences_sum_to_one_over_the_past_and_stand_nowhere_else() -> None:
    weights = trained_like().influences(histories(0))
    assert weights.shape == (3, STEPS, WINDOW)
    assert weights[:, 0].eq(0).all()
    torch.testing.assert_close(weights[:, 1:].sum(-1), torch.ones(3, STEPS - 1))
    for t in range(WINDOW):
        assert weights[:, t, : WINDOW - t].eq(0).all()
        assert weights[:, t, WINDOW - t :].gt(0).all()


def test_influences_never_touch_the_future() -> None:
    model, batch, other = trained_like(), histories(0), histories(1)
    for t in range(STEPS):
        later = torch.arange(STEPS) > t
        changed = replace(
            batch,
            items=torch.where(later, other.items, batch.items),
            skills=torch.where(later.unsqueeze(-1), other.skills, batch.skills),
            responses=torch.where(torch.arange(STEPS) >= t, 1 - batch.responses, batch.responses),
        )
        before, after = model.influences(batch)[:, t], model.influences(changed)[:, t]
        torch.testing.assert_close(after, before, atol=1e-6, rtol=0)
        steps, _ = top_influences(model.influences(batch), 3)
        assert steps[:, t].lt(max(t, 1)).all()


def test_exported_weights_reproduce_the_output() -> None:
    """The past's values, weighed as exported and gathered by hand, give the logits that `forward` gives."""
    model, batch = trained_like(), histories(3)
    with torch.no_grad():
        weights = model.attention_weights(batch)  # (B, T, heads, W)
        vectors = model.vectors(batch.items, batch.skills)
        values = model.layer.attention.value(model.answers(vectors, batch.responses))
        read = torch.stack([_read(weights[:, t], values, t) for t in range(STEPS)], dim=1)
        known = model.layer.digest(vectors, model.layer.attention.out(read))
        logits = model.outcome(known, vectors, model.thresholds(batch.items), batch.skills)
        torch.testing.assert_close(logits, model(batch), atol=1e-5, rtol=0)
        torch.testing.assert_close(model.influences(batch), weights.mean(2))


def _read(weights: Tensor, values: Tensor, t: int) -> Tensor:
    """Return what step t reads: weights (B, heads, W), values (B, T, E) -> (B, E)."""
    heads = values.unflatten(-1, (weights.shape[1], -1))  # (B, T, heads, e)
    read = torch.zeros_like(heads[:, 0])
    for away in range(1, min(t, WINDOW) + 1):
        read += weights[:, :, WINDOW - away].unsqueeze(-1) * heads[:, t - away]
    return read.flatten(1)


def test_the_answer_just_outside_the_window_is_forgotten() -> None:
    model, batch = trained_like(), histories(4)
    responses = batch.responses.clone()
    responses[:, 0] = 1 - responses[:, 0]
    with torch.no_grad():
        moved = (model(replace(batch, responses=responses)) - model(batch)).abs().amax(-1)
    assert moved[:, 1 : WINDOW + 1].gt(0).all()
    assert moved[:, WINDOW + 1 :].eq(0).all()
